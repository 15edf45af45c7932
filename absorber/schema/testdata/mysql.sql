CREATE TABLE shop.func_unique (id int PRIMARY KEY, a varchar(10), UNIQUE u ((lower(a))))
;;
CREATE TABLE shop.func_index (id int PRIMARY KEY, j json, INDEX z ((CAST(j->'$.a' AS UNSIGNED ARRAY))))
;;
CREATE TABLE shop.invisible_index (id int PRIMARY KEY, a int, UNIQUE ui (a) INVISIBLE)
;;
CREATE TABLE shop.not_enforced (id int PRIMARY KEY, a int, CONSTRAINT ne CHECK (a>0) NOT ENFORCED)
;;
CREATE TABLE shop.vec (id int PRIMARY KEY, v vector(3))
;;
CREATE TABLE shop.uca (id int PRIMARY KEY, t varchar(10) COLLATE utf8mb4_0900_ai_ci UNIQUE)
;;
CREATE TABLE shop.defaults (id int PRIMARY KEY, a varchar(10) DEFAULT (upper('x')), b json DEFAULT (json_object()), c text DEFAULT ('abc'), d varchar(10) DEFAULT 0x41, e bit(3) DEFAULT 0x5, f int DEFAULT 0x10, g datetime DEFAULT '2020-01-01 00:00:00' ON UPDATE now(), w varchar(10) DEFAULT true, bl blob DEFAULT ('x'), n datetime DEFAULT (now()), n3 datetime(3) DEFAULT (now(3)))
;;
CREATE TABLE shop.gipk (my_row_id bigint unsigned NOT NULL AUTO_INCREMENT INVISIBLE PRIMARY KEY, a int)
;;
CREATE JSON RELATIONAL DUALITY VIEW shop.jdv AS SELECT JSON_DUALITY_OBJECT('_id': id, 'v': Val) FROM shop.CamelCase
