// One session through mysql2: text queries and server-side prepared execute.
const mysql = require('mysql2/promise');

(async () => {
  const c = await mysql.createConnection({
    host: process.env.DB_HOST, port: +process.env.DB_PORT, user: process.env.DB_USER, password: process.env.DB_PASSWORD,
    database: process.env.DB_NAME, charset: 'utf8mb4', multipleStatements: true, supportBigNumbers: true, dateStrings: true,
  });
  const out = (...x) => console.log(JSON.stringify(x, (k, v) => (v && v.type === 'Buffer' ? Buffer.from(v.data).toString('hex') : v)));
  const brief = (f) => f && f.map((d) => [d.name, d.columnType, d.flags]);
  const run = async (how, sql, args) => {
    try {
      const [r, f] = await c[how](sql, args);
      out(r, brief(f && f[0] && f[0].name ? f : null));
    } catch (e) { out(e.errno, e.sqlState, e.message); }
  };
  await run('execute', 'INSERT INTO people (name, age, note, data) VALUES (?, ?, ?, ?)', ['Ada', 36, 'first', Buffer.from([0, 1, 255])]);
  await run('execute', 'INSERT INTO people (name, age, note, data) VALUES (?, ?, ?, ?)', ['Łucja 🚀', null, '', null]);
  for (const id of [1, 2, 3]) await run('execute', 'SELECT * FROM people WHERE id = ?', [id]);
  await run('query', 'SELECT id, name, age FROM people WHERE id IN (2, 1)');
  await run('execute', 'UPDATE people SET age = age + 1 WHERE id = ?', [1]);
  await run('execute', 'UPDATE people SET note = ? WHERE id = ?', ['first', 1]);
  await run('execute', 'UPDATE people SET note = ? WHERE id = ?', ['first', 1]);
  await run('query', "INSERT INTO people (id, name) VALUES (1, 'dup')");
  await run('execute', 'INSERT INTO people (id, name) VALUES (?, ?)', [1, 'dup']);
  await run('execute', 'SELECT nosuch FROM people WHERE id = ?', [1]);
  await run('query', "SELECT 1 AS one; UPDATE people SET note = 'm' WHERE id = 2; SELECT note FROM people WHERE id = 2");
  await run('execute', 'DELETE FROM people WHERE id = ?', [2]);
  await run('execute', 'SELECT id, age FROM people WHERE id = ?', [2]);
  await run('query', 'SELECT COUNT(*) AS n, SUM(age) AS s FROM people');
  await c.beginTransaction();
  await run('execute', 'UPDATE people SET age = ? WHERE id = ?', [500, 1]);
  await run('execute', 'SELECT age FROM people WHERE id = ?', [1]);
  await c.rollback();
  await run('execute', 'SELECT age FROM people WHERE id = ?', [1]);
  await run('query', 'SELECT p.name, o.item FROM people p JOIN orders o ON o.person = p.id ORDER BY o.id');
  await run('query', 'SELECT LAST_INSERT_ID() AS l');
  await c.changeUser({ user: process.env.DB_USER, password: process.env.DB_PASSWORD, database: process.env.DB_NAME });
  await run('query', 'SELECT id, name FROM people WHERE id = 1');
  await c.ping();
  await c.end();
})().catch((e) => { console.log('failed', e); process.exit(1); });
