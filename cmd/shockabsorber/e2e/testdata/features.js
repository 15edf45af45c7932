// What mysql2 can do beside plain queries: its pool, the cache of prepared
// statements, streams, files, types, named placeholders, other databases.
const mysql = require('mysql2');
const { Readable } = require('stream');

const base = {
  host: process.env.DB_HOST, port: +process.env.DB_PORT, user: process.env.DB_USER, password: process.env.DB_PASSWORD,
  database: process.env.DB_NAME, charset: 'utf8mb4',
};
const plain = (k, v) => (v && v.type === 'Buffer' ? 'hex ' + Buffer.from(v.data).toString('hex') : typeof v === 'bigint' ? `big ${v}` : v);
const out = (...x) => console.log(JSON.stringify(x, plain));
const brief = (f) => f && f.map((d) => d && [d.name, d.orgName, d.table, d.columnType, d.flags, d.decimals, d.characterSet, d.columnLength]);
const attempt = async (what, f) => {
  try { out(what, await f()); } catch (e) { out(what, e.code, e.errno, e.sqlState, e.message); }
};

const types = async (options) => {
  const c = await mysql.createConnection({ ...base, ...options }).promise();
  for (const how of typeof options.typeCast === 'function' ? ['query'] : ['query', 'execute']) {
    const [rows, fields] = await c[how]('SELECT id, big, amount, at, day, f, j, b, s FROM kinds WHERE id = 1');
    out(how, options, rows, brief(fields));
  }
  await c.end();
};

const transactions = async (pool) => {
  const c = await pool.getConnection();
  await c.beginTransaction();
  await attempt('in', async () => (await c.execute('INSERT INTO kinds (id, big) VALUES (?, ?)', [10, '1']))[0]);
  await attempt('duplicate', async () => (await c.execute('INSERT INTO kinds (id, big) VALUES (?, ?)', [10, '1']))[0]);
  await c.query('SAVEPOINT a');
  await c.execute('UPDATE kinds SET big = ? WHERE id = ?', ['5', 10]);
  await c.query('ROLLBACK TO SAVEPOINT a');
  await c.commit();
  await attempt('after commit', async () => (await c.execute('SELECT big FROM kinds WHERE id = ?', [10]))[0]);
  await c.beginTransaction();
  await c.execute('DELETE FROM kinds WHERE id = ?', [10]);
  await c.rollback();
  await attempt('after rollback', async () => (await c.execute('SELECT big FROM kinds WHERE id = ?', [10]))[0]);
  c.release();
};

const streams = async (conn) => {
  for (const how of ['query', 'execute']) {
    const rows = [];
    await new Promise((done, failed) => {
      conn[how]('SELECT id, n FROM many WHERE id > 3 ORDER BY id').stream({ highWaterMark: 2 })
        .on('data', (r) => rows.push(r)).on('error', failed).on('end', done);
    });
    out('stream', how, rows.length, rows[0], rows[rows.length - 1]);
  }
};

const files = (conn, text) => new Promise((done) => {
  conn.query({ sql: "LOAD DATA LOCAL INFILE 'a stream' INTO TABLE many FIELDS TERMINATED BY ',' (id, n)", infileStreamFactory: () => Readable.from([Buffer.from(text)]) },
    (e, r) => { out('load', e ? [e.code, e.errno, e.message] : r); done(); });
});

(async () => {
  const pool = mysql.createPool({ ...base, connectionLimit: 3, maxPreparedStatements: 3, multipleStatements: true, flags: ['+LOCAL_FILES'] }).promise();
  await pool.query('CREATE TABLE kinds (id INT PRIMARY KEY, big BIGINT, amount DECIMAL(30,10), at DATETIME(3), day DATE, f DOUBLE, j JSON, b VARBINARY(20), s VARCHAR(20)) ENGINE=InnoDB CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci');
  await pool.query('CREATE TABLE many (id INT PRIMARY KEY AUTO_INCREMENT, n INT) ENGINE=InnoDB');
  await attempt('types', async () => (await pool.execute('INSERT INTO kinds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)',
    [1, '9007199254740993', '12345678901234567890.0123456789', '2024-02-29 12:34:56.789', '2024-02-29', 0.1, '{"a": [1, null]}', Buffer.from([0, 255, 39]), "it's 🚀"]))[0]);
  for (const o of [{}, { dateStrings: true }, { supportBigNumbers: true }, { supportBigNumbers: true, bigNumberStrings: true }, { decimalNumbers: true },
    { typeCast: false }, { rowsAsArray: true }, { nestTables: true }, { timezone: '+05:30' }, { timezone: 'Z', dateStrings: ['DATE'] },
    { typeCast: (f, next) => (f.type === 'LONGLONG' ? `cast ${f.string()}` : next()) }, { compress: true }]) await types(o);

  // More texts than the cache of prepared statements holds: they are closed and prepared again.
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 6; i++) await attempt('cached', async () => (await pool.execute(`SELECT ${i} AS i, s FROM kinds WHERE id = ?`, [1]))[0]);
  }
  await Promise.all([...Array(20).keys()].map((i) => pool.execute('INSERT INTO many (n) VALUES (?)', [i])));
  await attempt('sum', async () => (await pool.query('SELECT COUNT(*) AS c, SUM(n) AS s, MAX(id) AS m FROM many'))[0]);
  await pool.query('UPDATE many SET n = id'); // which connection was first is chance
  await attempt('several', async () => { const [r, f] = await pool.query("SELECT 1 AS a; UPDATE many SET n = n + 1 WHERE id = 1; SELECT id FROM many WHERE id IN (1, 2)"); return [r, f.map((x) => brief(x))]; });
  await attempt('several, one fails', async () => (await pool.query('INSERT INTO many (id, n) VALUES (100, 1); INSERT INTO many (id, n) VALUES (100, 1); INSERT INTO many (id, n) VALUES (101, 1)'))[0]);
  await attempt('bulk', async () => (await pool.query('INSERT INTO many (id, n) VALUES ?', [[[200, 1], [201, 2], [202, 3]]]))[0]);
  await attempt('object', async () => (await pool.query('UPDATE many SET ? WHERE id = ?', [{ n: 77 }, 200]))[0]);
  await attempt('wrong number', async () => (await pool.execute('SELECT n FROM many WHERE id = ?', []))[0]);
  await attempt('undefined', async () => (await pool.execute('SELECT n FROM many WHERE id = ?', [undefined]))[0]);
  await transactions(pool);
  await pool.end();

  const conn = mysql.createConnection({ ...base, namedPlaceholders: true, flags: ['+LOCAL_FILES'] });
  const c = conn.promise();
  await attempt('named', async () => (await c.execute('SELECT id, n FROM many WHERE id = :id', { id: 200 }))[0]);
  await attempt('named, text', async () => (await c.query('SELECT id, n FROM many WHERE id IN (:ids)', { ids: [200, 201] }))[0]);
  await streams(conn);
  await files(conn, '300,1\n301,2\n');
  await files(conn, '300,1\n302,x\n');
  const st = await c.prepare('SELECT n FROM many WHERE id = ?');
  await attempt('prepared', async () => (await st.execute([300]))[0]);
  await attempt('elsewhere', async () => {
    await c.query('USE information_schema');
    const [r] = await st.execute([301]);
    await c.query(`USE ${base.database}`);
    return r;
  });
  await st.close();
  await attempt('unprepare', async () => conn.unprepare('SELECT id, n FROM many WHERE id = :id') && 'done');
  await c.changeUser({ ...base });
  await attempt('changed user', async () => (await c.execute('SELECT id, n FROM many WHERE id = :id', { id: 201 }))[0]);
  // Its text names the client's host, which a server on the same machine may call localhost.
  out('nobody', await c.changeUser({ user: 'nobody', password: 'x', database: base.database }).then(() => 'let in', (e) => [e.code, e.errno, e.sqlState]));
  conn.destroy();
  const last = await mysql.createConnection(base).promise();
  await last.ping();
  await attempt('long', async () => { const s = 'x'.repeat(300000); const [r] = await last.execute('SELECT LENGTH(?) AS n, ? AS s', [s, s]); return [r[0].n, r[0].s.length]; });
  await last.query('DROP TABLE kinds, many');
  await last.end();
})().catch((e) => { console.log('failed', e); process.exit(1); });
