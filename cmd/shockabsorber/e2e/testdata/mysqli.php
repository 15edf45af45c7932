<?php
// One session through mysqli: native prepares executed again and again, so
// that later executions come without parameter types.
mysqli_report(MYSQLI_REPORT_OFF);
$c = mysqli_init();
$c->real_connect(getenv('DB_HOST'), getenv('DB_USER'), getenv('DB_PASSWORD'), getenv('DB_NAME'), (int)getenv('DB_PORT'));
$c->set_charset('utf8mb4');
function out($x) { echo json_encode($x, JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE), "\n"; }
function all($r) { $a = []; while ($row = $r->fetch_assoc()) $a[] = $row; return $a; }

$s = $c->prepare('INSERT INTO people (name, age, note, data) VALUES (?, ?, ?, ?)');
foreach ([['Ada', 36, 'first', "\0\1\2\xff"], ['Łukasz 🚀', null, '', null], ["O'Neil \\ \"x\"", -5, null, str_repeat('z', 300)]] as $p) {
    [$name, $age, $note, $data] = $p;
    $s->bind_param('siss', $name, $age, $note, $data);
    out([$s->execute(), $s->affected_rows, $s->insert_id, $s->errno]);
    $name .= ' again';
    out([$s->execute(), $s->affected_rows, $s->insert_id, $s->errno]);
}
$q = $c->prepare('SELECT id, name, age, note, HEX(data) h FROM people WHERE id = ?');
foreach ([1, 2, 6, 99] as $id) {
    $q->bind_param('i', $id);
    $q->execute();
    out(all($q->get_result()));
}
$q = $c->prepare('SELECT * FROM people WHERE id = ?');
for ($id = 1; $id <= 3; $id++) {
    $q->bind_param('i', $id);
    $q->execute();
    $r = all($q->get_result());
    foreach ($r as &$row) $row['data'] = $row['data'] === null ? null : bin2hex($row['data']);
    out($r);
}
$u = $c->prepare('UPDATE people SET age = age + ?, note = ? WHERE id = ?');
foreach ([[1, 'older', 1], [0, 'older', 1], [3, null, 5], [1, 'x', 99]] as [$n, $note, $id]) {
    $u->bind_param('isi', $n, $note, $id);
    out([$u->execute(), $u->affected_rows]);
}
out([$c->query('INSERT INTO people (id, name) VALUES (1, "dup")'), $c->errno, $c->sqlstate, $c->error]);
out([$c->query('DELETE FROM people WHERE id IN (2, 4, 77)'), $c->affected_rows]);
out(all($c->query('SELECT id, name, age FROM people WHERE id = 5')));
out(all($c->query('SELECT COUNT(*) n, SUM(age) s, MAX(id) m FROM people')));
out(all($c->query('SELECT id, age FROM people WHERE id = 1')));
out([$c->autocommit(false), $c->query('UPDATE people SET age = 77 WHERE id = 3'), $c->commit(), $c->autocommit(true)]);
out(all($c->query('SELECT id, age FROM people WHERE id = 3')));
if ($c->multi_query('SELECT 1 one; UPDATE people SET note = "multi" WHERE id = 1; SELECT note FROM people WHERE id = 1')) {
    do {
        if ($r = $c->store_result()) out(all($r)); else out(['affected', $c->affected_rows]);
    } while ($c->more_results() && $c->next_result());
}
$l = $c->prepare('INSERT INTO people (name, data) VALUES (?, ?)');
$name = 'long'; $null = null;
$l->bind_param('sb', $name, $null);
$l->send_long_data(1, str_repeat("\0\xfe", 2000));
$l->send_long_data(1, 'end');
out([$l->execute(), $l->affected_rows, $l->insert_id]);
out(all($c->query('SELECT LENGTH(data) n, HEX(RIGHT(data, 9)) m FROM people WHERE name = "long"')));
// Last: the value of a row that was rolled back is used up (proxy/DESIGN.md).
out([$c->begin_transaction(), $c->query('UPDATE people SET age = 1 WHERE id = 1'), $c->query('INSERT INTO people (name) VALUES ("tx")'), $c->insert_id, $c->rollback()]);
out([$c->query('SELECT nosuch FROM people WHERE id = 1'), $c->errno, $c->sqlstate, $c->error]);
out([$c->query('SELECT * FROM nosuch'), $c->errno, $c->sqlstate]);
out(all($c->query('SELECT p.id, o.item FROM people p JOIN orders o ON o.person = p.id ORDER BY o.id')));
out([$c->ping(), $c->select_db(getenv('DB_NAME')), $c->warning_count]);
$c->close();
