"""One session through PyMySQL."""
import json
import os

import pymysql

c = pymysql.connect(host=os.environ["DB_HOST"], port=int(os.environ["DB_PORT"]), user=os.environ["DB_USER"],
                    password=os.environ["DB_PASSWORD"], database=os.environ["DB_NAME"], charset="utf8mb4", autocommit=True)


def out(*x):
    print(json.dumps(x, ensure_ascii=False, default=lambda v: v.hex() if isinstance(v, bytes) else str(v)))


def run(sql, args=None):
    with c.cursor() as k:
        try:
            n = k.execute(sql, args)
            out(n, k.lastrowid, k.fetchall() if k.description else None,
                [d[:3] for d in k.description] if k.description else None)
        except pymysql.MySQLError as e:
            out(type(e).__name__, e.args)


run("INSERT INTO people (name, age, note, data) VALUES (%s, %s, %s, %s)", ("Ada", 36, "first", b"\x00\x01\xff'\\"))
run("INSERT INTO people (name, age) VALUES (%s, %s), (%s, %s)", ("Bob", None, "Łucja 🚀", -7))
run("SELECT * FROM people WHERE id = %s", (1,))
run("SELECT name, id, age AS years FROM people WHERE id IN (3, 1, 2, 9)")
run("UPDATE people SET age = age + 1, note = NULL WHERE id = 1")
run("UPDATE people SET age = 5 WHERE id IN (2, 3)")
run("UPDATE people SET age = 5 WHERE id IN (2, 3)")
run("INSERT INTO people (id, name) VALUES (2, 'dup')")
run("INSERT INTO people (name) VALUES (NULL)")
run("INSERT INTO people (name, age) VALUES ('too big', 99999999999)")
run("SELECT nosuch FROM people WHERE id = 1")
run("DELETE FROM people WHERE id = 3")
run("SELECT * FROM people WHERE id = 3")
run("SELECT id, age FROM people ORDER BY age DESC, id")
run("SELECT COUNT(*), MIN(age), MAX(name) FROM people")
c.begin()
run("UPDATE people SET age = 1000 WHERE id = 1")
run("SELECT age FROM people WHERE id = 1")
c.rollback()
run("SELECT age FROM people WHERE id = 1")
run("SHOW TABLES")
run("SELECT @@autocommit, DATABASE()")
c.autocommit(False)
run("INSERT INTO people (name, age) VALUES ('tx', 1)")
c.commit()
c.autocommit(True)
run("SELECT name, age FROM people WHERE id >= 3")
run("SELECT p.name, o.item FROM people p LEFT JOIN orders o ON o.person = p.id ORDER BY p.id, o.id")
c.close()
