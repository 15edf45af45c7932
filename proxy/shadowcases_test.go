package proxy

import "strings"

// shadowTableSQL has a column of every type that is absorbed, and all that a
// table may do with a row.
const shadowTableSQL = `create table t (id bigint auto_increment primary key,
 ti tinyint, tu tinyint unsigned, si smallint, mi mediumint, i int, zf int(6) zerofill, bu bigint unsigned, de decimal(10,3),
 f float, f72 float(7,2), d double, d102 double(10,2), b bit(12), y year, dt date, dtm datetime(3), ts timestamp(6) null,
 upd timestamp(3) not null default current_timestamp(3) on update current_timestamp(3), tm time(2),
 c char(5), vc varchar(10) character set latin1, vu varchar(10), tx text, bn binary(4), vb varbinary(8), bl blob,
 en enum('a','b','ö'), se set('x','y','z'), js json, nn int not null, nd varchar(5) not null default 'dflt',
 gs int generated always as (i*2) stored, gv varchar(40) generated always as (concat(c,'-',vu)) virtual,
 constraint small check (si < 100), constraint t_chk_9 check (mi <> 7), check (i <> 13),
 unique key vu (vu), unique key two (c, y), key k_i (i), fulltext key ft (tx)) comment='its , ) \' DEFAULT CHARSET=latin1'`

// shadowTableRows are its rows at the beginning of every case.
var shadowTableRows = []string{
	`insert into t (id,ti,tu,si,mi,i,zf,bu,de,f,f72,d,d102,b,y,dt,dtm,ts,upd,tm,c,vc,vu,tx,bn,vb,bl,en,se,js,nn) values
 (1,-128,255,99,-8388608,1073741823,42,18446744073709551615,1234567.891,1.17549435e-38,12345.67,1.7976931348623157e308,12345678.99,4095,2155,'9999-12-31',
 '2026-11-22 23:59:59.999','2026-10-25 00:30:00.123456','2001-01-01 00:00:00.5','-838:59:59','ab','caf\u00e9','one','text with ''quotes'' and \\',x'00ff27','\x27\\',x'00fe27',
 'ö','x,z','{"a": [1, "x"]}',5)`,
	`insert into t (id,nn,nd) values (2,0,'')`,
	`insert into t (id,i,f,d,de,dt,dtm,ts,c,vu,en,se,b,y,nn) values (3,7,16777217,0.1,-0.001,'0000-00-00','2024-02-31 00:00:00','2026-03-29 01:00:00','x ','Two','b','',0,0,-1)`,
	`insert into t (id,vu,tx,nn) values (4,'four',repeat('long ',2000),4)`,
}

// shadowCases are the statements.
func shadowCases(mariaDB bool) []shadowCase {
	cases := append(insertCases(), writeCases()...)
	cases = append(cases, selectCases()...)
	cases = append(cases, settingCases()...)
	if mariaDB {
		return cases
	}
	return append(cases, shadowCase{sql: "insert into t (nn, gs) values (1, 2)"}, shadowCase{sql: "update t set gs = 4 where id = 1"},
		shadowCase{sql: "insert into t (id, nn) values (1, 9) as new on duplicate key update nn = new.nn + t.nn"},
		shadowCase{sql: "insert into t (js, nn) values (cast('[1, 2]' as json), 1)"}, shadowCase{sql: "update t set js = json_set(js, '$.b', cast(i as json)) where id = 1"})
}

// strict is what both servers have as default; lax has none of it.
const (
	strict = "set sql_mode = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
	lax    = "set sql_mode = ''"
)

// insertCases are INSERT and REPLACE.
func insertCases() []shadowCase {
	full := "insert into t (id,ti,tu,si,mi,i,bu,de,f,f72,d,b,y,dt,dtm,ts,tm,c,vc,vu,tx,bn,vb,bl,en,se,js,nn) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
	cases := []shadowCase{
		{set: strict, sql: full, params: []param{null(), integer(-5), integer(5), text("12"), double(3.5), integer(9), text("18446744073709551615"), text("1.0005"), double(0.1), double(1.005),
			double(1e300), integer(7), integer(2026), text("2026-01-02"), text("2026-01-02 03:04:05.6789"), text("2026-03-29 01:15:00"), text("10:11:12.345"), text("c"), text("vé"), text("vu"),
			text("tx"), blob("\x00\xff"), blob("vb"), blob("a long \x00 one"), text("b"), text("z,x"), text(`{"k":1}`), integer(1)}, long: 24},
		{sql: full, params: []param{integer(5), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(), null(),
			null(), null(), null(), null(), null(), null(), null()}},
		{sql: "insert into t (nn) values (1)"}, {sql: "insert into t (nn, i) values (1, 2), (2, 3), (3, 5+5)"}, {sql: "insert into t values ()"}, {sql: "insert into t (nn) values (null)"},
		{sql: "insert into t (nn, ti) values (1, 128)"}, {sql: "insert into t (nn, ti) values (1, 'abc')"}, {sql: "insert into t (nn, c) values (1, 'too long')"},
		{sql: "insert into t (nn, dt) values (1, '2026-02-30')"}, {sql: "insert into t (nn, en) values (1, 'none')"}, {sql: "insert into t (nn, se) values (1, 'x,q')"},
		{sql: "insert into t (nn, js) values (1, '{oops')"}, {sql: "insert into t (nn, b) values (1, 4096)"}, {sql: "insert into t (nn, y) values (1, 1800)"},
		{sql: "insert into t (nn, si) values (1, 100)"}, {sql: "insert into t (nn, mi) values (1, 7)"}, {sql: "insert into t (nn, i) values (1, 13)"},
		{sql: "insert into t (nn, gs) values (1, default)"}, {sql: "insert into t (nn, i) values (1, 2000000000)"},
		{sql: "insert into t (id, nn) values (1, 1)"}, {sql: "insert into t (nn, vu) values (1, 'TWO')"}, {sql: "insert into t (nn, c, y) values (1, 'X', 0)"},
		{sql: "insert into t (nn, nope) values (1, 1)"}, {sql: "insert into t (nn) values (1, 2)"}, {sql: "insert into t (nn, ts) values (1, '1960-01-01')"},
		{sql: "insert ignore into t (nn, ti, c, en, dt, vu) values (null, 999, 'too long', 'none', '2026-02-30', 'Two'), (1, 'abc', 'abc', 'ö', now(), 'new'), (2, 1, null, null, null, 'one')"},
		{sql: "insert ignore into t (nn, si) values (1, 100), (2, 3)"}, {sql: "insert ignore into t (id, nn) values (1, 1), (null, 2)"},
		{sql: "replace into t (id, nn, vu) values (9, 1, 'one')"}, {sql: "replace into t (id, nn, vu, c, y) values (1, 1, 'two', 'zz', 2000), (null, 2, 'four', null, null)"},
		{sql: "replace into t set nn = 3, vu = 'more', i = 1 + 1"},
		{sql: "insert into t (id, nn) values (1, 9) on duplicate key update nn = nn + values(nn), i = i / 3, upd = upd"},
		{sql: "insert into t (nn, vu) values (8, 'one'), (9, 'fresh') on duplicate key update nn = nn * 10, tx = concat(tx, '!')"},
		{sql: "insert into t (nn, vu) values (8, 'one') on duplicate key update id = last_insert_id(id), nn = 8"},
		{sql: "insert into t (nn, vu) values (8, 'one') on duplicate key update nn = 5"}, {sql: "insert into t (nn, vu) values (8, 'one') on duplicate key update ti = 500"},
		{sql: "insert into t set nn = 1, dtm = now(3), ts = now(6), tm = curtime(2), dt = curdate(), vc = left(date_format(now(), '%W'), 3), i = unix_timestamp() - 1774740000"},
		{sql: "insert into t (nn, d, f, de) values (1, 1/3, 1/3, 1/3), (2, pi(), sqrt(2), 10 div 3), (-3, 1e400, 0, 0)"},
		{sql: "insert into t (nn, i) values (1, 1/0)"}, {sql: "insert into t (nn, i, tx) values (?, ? + 1, upper(?))", params: []param{integer(1), text("41"), text("öl")}},
		{sql: "insert into t (nn, ti) values (?, ?)", params: []param{integer(1), integer(4000)}}, {sql: "insert into t (nn, vu) values (?, ?)", params: []param{integer(1), text("Two")}},
		{sql: "insert into t (nn, nope) values (?, 1)", params: []param{integer(1)}}, {sql: "insert ignore into t (nn, c) values (?, ?)", params: []param{null(), text("much too long")}},
	}
	return append(cases, shadowCase{sql: "insert into t (nn, tx) values (1, '" + strings.Repeat("x", 70000) + "')"}, shadowCase{sql: "insert into t (nn, tx) values (1, '" + strings.Repeat("x", 60000) + "')"})
}

// writeCases are UPDATE and DELETE.
func writeCases() []shadowCase {
	return []shadowCase{
		{sql: "update t set i = i + 1, nn = nn - 1 where id = 3"}, {sql: "update t set i = i where id in (1, 2, 3)"}, {sql: "update t set nn = 1 where id = 99"},
		{sql: "update t set bu = bu + 1 where id = 1"}, {sql: "update t set bu = i - 8 where id = 3"}, {sql: "update t set tu = tu - 256 where id = 1"}, {sql: "update t set ti = ti * 2 where id = 1"},
		{sql: "update t set de = de / 7, d = d * 2 where id = 1"}, {sql: "update t set d = d / 3, f = f + 1, f72 = 1.005, b = b | 2048, y = y + 2000 where id = 3"},
		{sql: "update t set c = concat(c, 'yz'), vu = upper(vu), tx = repeat('ä', 3), vc = 'ç' where id = 3"}, {sql: "update t set nn = null where id = 3"},
		{sql: "update t set vu = 'one' where id = 3"}, {sql: "update t set id = 1 where id = 3"}, {sql: "update t set id = id + 10 where id in (3, 4)"}, {sql: "update t set vu = concat(vu, id) order by id desc limit 2"},
		{sql: "update t set dtm = dtm + interval 1 day, ts = ts + interval 1 hour, tm = addtime(tm, '1:00'), dt = last_day('2024-02-05') where id in (1, 3)"},
		{sql: "update t set dtm = '2026-13-45' where id = 1"}, {sql: "update t set en = en + 1, se = se | 2 where id = 3"}, {sql: "update t set en = 'zzz' where id = 3"}, {sql: "update t set vc = 'Ж' where id = 1"},
		{sql: "update t set si = si + 1 where id = 1"}, {sql: "update t set i = 13 where id = 2"}, {sql: "update t set i = i * 2 where id = 1"},
		{sql: "update t set js = json_set(js, '$.b', 2) where id = 1"}, {sql: "update t set js = 'no json' where id = 1"}, {sql: "update ignore t set nn = null, ti = 900, vu = 'one' where id = 3"},
		{sql: "update t set nn = nn + 1 where i / 0 is null and id in (1, 3)"}, {sql: "update t set nn = 5 where c = 'abc' + 1"}, {sql: "update t set nn = 7 where id = '3x'"},
		{sql: "update t set nn = ?, i = i + ? where id = ?", params: []param{text("12"), double(0.5), integer(3)}}, {sql: "update t set ti = ? where id = ?", params: []param{text("12abc"), integer(3)}},
		{sql: "update t set nn = last_insert_id(nn + 1) where id = 1"}, {sql: "update t set nn = last_insert_id() where id = 1"}, {sql: "update t set nope = 1"}, {sql: "update t set i = (select 1) where id = 3"},
		{sql: "delete from t where id = 1 and i > 5"}, {sql: "delete from t where id in (1, 2) and vu like 'o%'"}, {sql: "delete from t where id = 99"}, {sql: "delete from t where id = 1 and ti = 'x'"},
		{sql: "delete from t where id = ? and d > ?", params: []param{integer(3), text("0.05")}}, {sql: "delete ignore from t where id = 4 and nn / 0"}, {sql: "delete from t order by nn limit 2"},
		{sql: "update t set bl = ? where id = 1", params: []param{blob("long data")}, long: 1}, {sql: "updat t set x"}, {sql: "update t set f = 1.1, d102 = 1.005, zf = 7 where id = 1"},
	}
}

// selectCases are SELECT.
func selectCases() []shadowCase {
	var cases []shadowCase
	for _, sql := range []string{"select * from t where id = 1", "select * from t where id in (1, 2, 3, 4)", "select id, upper(vu) as u, i + 1, concat(c, '-', vc), de / 3 from t where id in (1, 3)",
		"select t.*, gs, gv from t where id = 3", "select coalesce(vu, 'none'), ifnull(d, 0), case when i > 5 then 'big' else 'small' end k from t where id in (1, 2)",
		"select date_format(ts, '%Y-%m-%d %H:%i:%s.%f'), unix_timestamp(ts), dtm + interval 1 month, now(6) from t where id in (1, 3)", "select hex(b), b + 0, en + 0, se + 0, length(tx), cast(f as decimal(20,10)) from t where id in (1, 3, 4)",
		"select count(*), sum(nn), max(vu), group_concat(id order by id) from t where id in (1, 2, 3)", "select 1/0, 'a' + 1, cast('x' as signed) from t where id = 1", "select bu + 1 from t where id = 1", "select i, bu + 1 from t where id in (3, 1)",
		"select json_extract(js, '$.a'), js from t where id = 1", "select id from t where id = 77", "select nope from t where id = 1", "select distinct nn > 0 from t where id in (1, 2, 3, 4) order by 1 desc limit 1", "select id, vu from t as x where x.id = 3 for update",
		"select database(), last_insert_id() from t where id = 1", "select sql_no_cache id from t where id = 1 and c = 'AB'", "select i as `a b`, vu 'quoted' from t where id = 1"} {
		cases = append(cases, shadowCase{sql: sql, reads: true}, shadowCase{sql: sql, reads: true, params: []param{}})
	}
	return append(cases, shadowCase{sql: "select id, ?, vu = ?, nn + ? from t where id in (?, ?)", reads: true, params: []param{text("ü"), text("TWO"), double(1.5), integer(1), text("3")}},
		shadowCase{sql: "select ? from t where id = ?", reads: true, params: []param{null(), integer(1)}})
}

// settingCases are statements whose meaning depends on the session.
func settingCases() []shadowCase {
	probe := "select id, ts, upd, 'é' = 'E', concat('é', vu), vc, c, f, d, en, tx like '%\\\\%' from t where id in (1, 3)"
	var cases []shadowCase
	for _, set := range []string{"set time_zone = '+05:30'", "set time_zone = '-08:00'", "set names latin1", "set names utf8mb4 collate utf8mb4_bin", "set names utf8mb3", "set character_set_results = NULL", "set names binary", "set names gbk",
		"set names utf8mb4, character_set_results = latin1", "set names utf8mb4, collation_connection = latin1_swedish_ci", "set names utf8mb4", "set sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'", "set sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'"} {
		cases = append(cases, shadowCase{set: set, sql: probe, reads: true}, shadowCase{sql: probe, reads: true, params: []param{}},
			shadowCase{sql: "update t set ts = '2026-03-29 02:30:00', vc = 'é', tx = concat('é', '\\n') where id = 1"}, shadowCase{sql: "insert into t (nn, en) values ('1x', 'é')"})
	}
	cases = append(cases, shadowCase{set: "set time_zone = 'SYSTEM'", sql: probe, reads: true}, shadowCase{set: "set sql_mode = 'NO_BACKSLASH_ESCAPES'", sql: `update t set tx = 'a\nb' where id = 1`},
		shadowCase{set: "set sql_mode = 'NO_AUTO_VALUE_ON_ZERO'", sql: "insert into t (id, nn) values (0, 1), (null, 2)"}, shadowCase{set: "set auto_increment_increment = 5, auto_increment_offset = 3", sql: "insert into t (nn) values (1), (2), (3)"},
		shadowCase{sql: "insert ignore into t (nn, vu) values (1, 'one'), (2, 'b'), (3, 'Two'), (4, 'd')"}, shadowCase{set: "set auto_increment_increment = 1, auto_increment_offset = 1", sql: "insert into t (id, nn) values (90, 1), (null, 2), (80, 3), (null, 4)"})
	for _, set := range []string{lax, "set sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'", "set sql_mode = 'ALLOW_INVALID_DATES,NO_UNSIGNED_SUBTRACTION'"} {
		cases = append(cases, shadowCase{set: set, sql: "insert into t values ()"}, shadowCase{sql: "insert into t (nn, ti, c, en, dt, dtm) values ('x', 999, 'too long', 'none', '2026-02-30', '0000-00-00')"},
			shadowCase{sql: "insert into t (nn, js) values (1, '{oops')"}, shadowCase{sql: "update t set bu = bu - 1, tu = i - 300, d = 1/0, vc = 'Ж', bn = 'too long' where id in (1, 3)"},
			shadowCase{sql: "update t set nn = null, dt = '2026-00-10' where id in (1, 2)"}, shadowCase{sql: "insert into t (nn, dt) values (1, '2024-02-31')"}, shadowCase{sql: "insert into t (nn, si) values (1, 500)"})
	}
	return cases
}
