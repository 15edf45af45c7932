<?php
// One session through PDO, once with native and once with emulated prepares.
function out($x) { echo json_encode($x, JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE), "\n"; }
function attempt($f) { try { return $f(); } catch (PDOException $e) { return [$e->getCode(), $e->errorInfo]; } }
$dsn = sprintf('mysql:host=%s;port=%s;dbname=%s;charset=utf8mb4', getenv('DB_HOST'), getenv('DB_PORT'), getenv('DB_NAME'));
foreach ([false, true] as $emulate) {
    $c = new PDO($dsn, getenv('DB_USER'), getenv('DB_PASSWORD'), [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => $emulate, PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC]);
    out(['emulate', $emulate]);
    $c->exec('DELETE FROM people');
    $c->exec('ALTER TABLE people AUTO_INCREMENT = 1');
    $i = $c->prepare('INSERT INTO people (name, age, note) VALUES (:name, :age, :note)');
    foreach ([['Ada', 36, 'a'], ['Bob', null, null], ['Łucja 🚀', -1, '']] as [$n, $a, $t]) {
        out([$i->execute(['name' => $n, 'age' => $a, 'note' => $t]), $i->rowCount(), $c->lastInsertId()]);
    }
    $s = $c->prepare('SELECT id, name, age, note FROM people WHERE id = ?');
    foreach ([1, '2', 3, 4] as $id) { $s->execute([$id]); out($s->fetchAll()); }
    $u = $c->prepare('UPDATE people SET age = ? WHERE id = ?');
    foreach ([[40, 1], [40, 1], [null, 3]] as $p) { $u->execute($p); out($u->rowCount()); }
    out(attempt(fn() => $c->exec("INSERT INTO people (id, name) VALUES (1, 'dup')")));
    out(attempt(fn() => $c->query('SELECT nosuch FROM people WHERE id = 1')));
    $c->beginTransaction();
    $u->execute([99, 1]);
    $c->rollBack();
    $s->execute([1]); out($s->fetchAll());
    $c->beginTransaction();
    $u->execute([98, 1]);
    $c->commit();
    $s->execute([1]); out($s->fetchAll());
    $d = $c->prepare('DELETE FROM people WHERE id = ?');
    $d->execute([2]); out($d->rowCount());
    out($c->query('SELECT COUNT(*) n FROM people WHERE age > 0')->fetchAll());
    out($c->query('SELECT LAST_INSERT_ID() l')->fetchAll());
}
