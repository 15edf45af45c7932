CREATE TABLE shop.types (
 id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY,
 ti tinyint(1) DEFAULT 1, tiz tinyint(4) zerofill DEFAULT 7, si smallint, mi mediumint unsigned DEFAULT 9, i int DEFAULT -5, iz int(8) zerofill DEFAULT 42, bi bigint DEFAULT '12',
 dec1 decimal(10,2) NOT NULL DEFAULT 0, dec2 decimal(65,30) DEFAULT '1.5', dec3 decimal(5) DEFAULT 3, decz decimal(6,2) unsigned zerofill DEFAULT 1.5, decn decimal(6,2) DEFAULT -0.5,
 fl float DEFAULT 0, fl1 float DEFAULT 1.5, fl2 float(7,3) DEFAULT 1.5, db double DEFAULT 1e10, db2 double(10,2) DEFAULT 3, dbs double DEFAULT '0.1', dbe double DEFAULT 1e30, dbz double DEFAULT 0,
 bt bit(1) DEFAULT b'1', bt2 bit(10) DEFAULT b'1000000001', bt64 bit(64) DEFAULT 5,
 yr year DEFAULT 2020, yr2 year DEFAULT 70,
 d date DEFAULT '2020-01-02', d2 date DEFAULT '20200229', dz date DEFAULT '0000-00-00',
 dt datetime DEFAULT CURRENT_TIMESTAMP, dt6 datetime(6) DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6), dtl datetime(3) DEFAULT '2020-01-01 10:00:00', dtl2 datetime DEFAULT '2020-01-01', dtn datetime(6) DEFAULT (now()),
 ts timestamp NULL DEFAULT NULL, ts1 timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, tsl timestamp NOT NULL DEFAULT '2020-01-01 10:00:00', ts3 timestamp(3) NULL DEFAULT CURRENT_TIMESTAMP(3),
 tm time DEFAULT '10:00:00', tm2 time(2) DEFAULT '-838:59:59',
 c char(10) DEFAULT 'abc', c0 char(0), cs char(5) DEFAULT 'x  ', v varchar(100) CHARACTER SET latin1 DEFAULT 'it''s \\ "q" é€', ve varchar(5) NOT NULL DEFAULT '', vn varchar(5) DEFAULT NULL, vnull varchar(5) DEFAULT 'NULL', vct varchar(20) DEFAULT 'current_timestamp()', vt varchar(10) DEFAULT 'x  ',
 va varchar(20) CHARACTER SET ascii COLLATE ascii_bin DEFAULT 'a\nb\tc\r\0d', v3 varchar(10) CHARACTER SET utf8mb3 DEFAULT '日本?', v4 varchar(20) COLLATE utf8mb4_bin DEFAULT '😀', vq varchar(20) DEFAULT 'why?', vj varchar(20) COLLATE utf8mb4_bin DEFAULT '日',
 tt tinytext, tx text, mt mediumtext, lt longtext, tl text(300),
 b binary(4) DEFAULT 'ab', vb varbinary(10) DEFAULT 'a\0b', bb blob,
 e enum('a','b','it''s','x,y','','back\\slash','日','q"q') DEFAULT 'it''s', e2 enum('A','a2') COLLATE latin1_bin DEFAULT 'A', s set('r','w','x') DEFAULT 'x,r', s2 set('r','w') NOT NULL DEFAULT '',
 js json,
 ex int DEFAULT (1+2), exv varchar(36) DEFAULT (uuid()), exl varchar(20) DEFAULT (concat('a','b')), exn datetime DEFAULT (now()),
 sb bigint DEFAULT 9223372036854775807, ubi bigint unsigned DEFAULT 18446744073709551615,
 `we``ird "col"` int COMMENT 'a ''quoted'' comment, DEFAULT NULL',
 UNIQUE KEY uq1 (c, v), UNIQUE KEY uq2 (v4(10)), UNIQUE KEY uqn (bi DESC), KEY k (i)
) COLLATE utf8mb4_general_ci
;;
CREATE TABLE shop.inv (id int PRIMARY KEY, a int INVISIBLE DEFAULT 3, b int)
;;
CREATE TABLE shop.implicit (id int PRIMARY KEY, e enum('first','second') NOT NULL, s set('a') NOT NULL, n int NOT NULL)
;;
CREATE TABLE shop.dropped (id int PRIMARY KEY, a int COMMENT 'it''s DEFAULT NULL', b varchar(5), t text, e enum('a'), `c``d` int)
;;
ALTER TABLE shop.dropped ALTER a DROP DEFAULT, ALTER b DROP DEFAULT, ALTER e DROP DEFAULT
;;
CREATE TABLE shop.gen (id int PRIMARY KEY, a int, b int AS (a+1) VIRTUAL, c int AS (a+2) STORED, UNIQUE(c))
;;
CREATE TABLE shop.chk (id int PRIMARY KEY, a int CHECK (a>0), b int, CONSTRAINT cc CHECK (a<b))
;;
CREATE TABLE shop.js (id int PRIMARY KEY, j json NOT NULL)
;;
CREATE TABLE shop.parentc (id int PRIMARY KEY, x int UNIQUE)
;;
CREATE TABLE shop.childc (id int PRIMARY KEY, p int, CONSTRAINT fkc FOREIGN KEY (p) REFERENCES shop.parentc(id) ON DELETE CASCADE)
;;
CREATE TABLE shop.parentr (id int PRIMARY KEY)
;;
CREATE TABLE shop.childr (id int PRIMARY KEY, p int, CONSTRAINT fkr FOREIGN KEY (p) REFERENCES shop.parentr(id))
;;
CREATE TABLE other.childx (id int PRIMARY KEY, p int, CONSTRAINT fkx FOREIGN KEY (p) REFERENCES shop.parentr(id) ON UPDATE SET NULL)
;;
CREATE TABLE shop.selfr (id int PRIMARY KEY, p int, CONSTRAINT fks FOREIGN KEY (p) REFERENCES shop.selfr(id))
;;
CREATE TABLE shop.fkparent (a int, b varchar(10) COLLATE utf8mb4_bin, c int, f double, PRIMARY KEY (a,b), UNIQUE uc (c), UNIQUE uf (f))
;;
CREATE TABLE shop.fkchild (id int PRIMARY KEY, x varchar(10) COLLATE utf8mb4_bin, y int, z int, CONSTRAINT fkab FOREIGN KEY (y,x) REFERENCES shop.fkparent(a,b), CONSTRAINT fkcc FOREIGN KEY (z) REFERENCES shop.fkparent(c) ON UPDATE RESTRICT ON DELETE NO ACTION)
;;
CREATE TABLE shop.fkdouble (id int PRIMARY KEY, f double, CONSTRAINT fkdouble FOREIGN KEY (f) REFERENCES shop.fkparent(f))
;;
CREATE TABLE shop.fkgrand (id int PRIMARY KEY, c int, CONSTRAINT fkgrand FOREIGN KEY (c) REFERENCES shop.childc(id))
;;
CREATE TABLE shop.nopk (a int NOT NULL UNIQUE, b int)
;;
CREATE TABLE shop.myisam (id int PRIMARY KEY) ENGINE=MyISAM
;;
CREATE TABLE shop.prefixed (t text, v varchar(10), PRIMARY KEY (t(10))) COLLATE utf8mb4_general_ci
;;
CREATE TABLE shop.part_hash (id int PRIMARY KEY, v int) PARTITION BY HASH(id) PARTITIONS 2
;;
CREATE TABLE shop.part_key (id int PRIMARY KEY, v int) PARTITION BY KEY() PARTITIONS 2
;;
CREATE TABLE shop.part_open (id int PRIMARY KEY) PARTITION BY RANGE(id) (PARTITION p0 VALUES LESS THAN (9), PARTITION p1 VALUES LESS THAN MAXVALUE)
;;
CREATE TABLE shop.part_opencols (a int, b varchar(5) CHARACTER SET latin1, PRIMARY KEY (a,b)) PARTITION BY RANGE COLUMNS(a,b) (PARTITION p0 VALUES LESS THAN (9,'m'), PARTITION p1 VALUES LESS THAN (MAXVALUE,MAXVALUE))
;;
CREATE TABLE shop.part_shut (id int PRIMARY KEY) PARTITION BY RANGE(id) (PARTITION p0 VALUES LESS THAN (9))
;;
CREATE TABLE shop.part_list (id int PRIMARY KEY) PARTITION BY LIST(id) (PARTITION p0 VALUES IN (1,2))
;;
CREATE TABLE shop.part_expr (d date PRIMARY KEY) PARTITION BY RANGE(TO_DAYS(d)) (PARTITION p1 VALUES LESS THAN MAXVALUE)
;;
CREATE TABLE shop.part_sub (id int PRIMARY KEY) PARTITION BY RANGE(id) SUBPARTITION BY HASH(id) SUBPARTITIONS 2 (PARTITION p1 VALUES LESS THAN MAXVALUE)
;;
CREATE TABLE shop.comp (a int, b varchar(10) COLLATE utf8mb4_bin, c int, PRIMARY KEY (b,a), UNIQUE u2 (c,a), UNIQUE u1 (c))
;;
CREATE TABLE shop.late (id int PRIMARY KEY, a int, b int NOT NULL, UNIQUE ua (a))
;;
ALTER TABLE shop.late ADD UNIQUE ub (b)
;;
CREATE TABLE shop.`la-te 2` (id int PRIMARY KEY, b int NOT NULL, a int, UNIQUE zz (a))
;;
ALTER TABLE shop.`la-te 2` ADD UNIQUE aa (b)
;;
CREATE TABLE shop.part_late (id int PRIMARY KEY, a int, UNIQUE zz (id,a)) PARTITION BY HASH(id) PARTITIONS 2
;;
ALTER TABLE shop.part_late MODIFY a int NOT NULL, ADD UNIQUE aa (a,id), ADD UNIQUE bb (id)
;;
CREATE TABLE shop.ai_unique (id varchar(3) COLLATE utf8mb4_bin PRIMARY KEY, n int AUTO_INCREMENT, UNIQUE (n))
;;
CREATE TABLE shop.ai_second (g int, n int AUTO_INCREMENT, PRIMARY KEY (g,n), KEY (n))
;;
CREATE TABLE shop.geo (id int PRIMARY KEY, g geometry NOT NULL, p point, SPATIAL INDEX (g))
;;
CREATE TABLE shop.ft (id int PRIMARY KEY, t text, FULLTEXT INDEX (t))
;;
CREATE TABLE shop.gbk (id int PRIMARY KEY, t varchar(10) CHARACTER SET gbk, u varchar(10) CHARACTER SET ucs2)
;;
CREATE TABLE shop.swedish (id varchar(10) COLLATE utf8mb4_swedish_ci PRIMARY KEY, t varchar(10) COLLATE utf8mb4_bin)
;;
CREATE TABLE shop.thai (id int PRIMARY KEY, t varchar(10) COLLATE utf8mb4_spanish2_ci UNIQUE)
;;
CREATE TABLE shop.emoji (id int PRIMARY KEY, e enum('😀','b') CHARACTER SET utf8mb4)
;;
CREATE TABLE shop.fkey (id float PRIMARY KEY)
;;
CREATE TABLE shop.CamelCase (Id int PRIMARY KEY, Val int)
;;
CREATE TABLE shop.`we.ird``t` (`a.b` int PRIMARY KEY, `primary` int)
;;
CREATE TABLE shop.trg (id int PRIMARY KEY, a int)
;;
CREATE TABLE other.log (id int PRIMARY KEY AUTO_INCREMENT, a int)
;;
CREATE TRIGGER shop.t1 BEFORE INSERT ON shop.trg FOR EACH ROW SET NEW.a=1
;;
CREATE TRIGGER other.t2 AFTER INSERT ON other.log FOR EACH ROW BEGIN INSERT INTO shop.comp VALUES (1,'a',2); UPDATE shop.CamelCase SET Val=1; END
;;
CREATE VIEW shop.v1 AS SELECT * FROM shop.comp
;;
CREATE VIEW other.v2 AS SELECT v1.a FROM shop.v1 JOIN other.log l ON l.id=v1.a
;;
CREATE FUNCTION shop.f1(a int) RETURNS int READS SQL DATA RETURN (SELECT count(*) FROM shop.late)
;;
CREATE VIEW shop.v3 AS SELECT shop.f1(1) x
;;
CREATE VIEW shop.v4 AS SELECT 1 x
;;
CREATE PROCEDURE shop.p1(x int) BEGIN INSERT INTO shop.js VALUES (1,'[]'); END
;;
CREATE PROCEDURE other.p2() BEGIN CALL shop.p1(3); END
;;
CREATE PROCEDURE shop.dyn() BEGIN PREPARE s FROM 'delete from shop.comp'; EXECUTE s; DEALLOCATE PREPARE s; END
;;
CREATE PROCEDURE shop.café() SELECT * FROM shop.ft
;;
CREATE PROCEDURE shop.nothing() SELECT 'shop.comp' /* shop.comp */ -- shop.comp
;;
CREATE EVENT shop.ev1 ON SCHEDULE EVERY 1 YEAR DO DELETE FROM shop.ft
;;
CREATE EVENT shop.ev2 ON SCHEDULE EVERY 1 YEAR DISABLE DO DELETE FROM shop.ft
