package proxy

import (
	"encoding/binary"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/proxy/wire"
)

// group is a part of the script that runs on a connection of its own. only
// names the server it is for, "" for both.
type group struct {
	name  string
	only  string
	steps []step
}

// u32 is a statement id of 1 (the last one prepared) or any other number.
func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// exec is a COM_STMT_EXECUTE of the last statement: cursor flag, then the NULL
// bitmap and all that follows.
func exec(name string, id uint32, flag byte, rest ...byte) step {
	return step{name: name, cmd: wire.ComStmtExecute, arg: append(append(u32(id), flag, 1, 0, 0, 0), rest...)}
}

// prepare is a COM_STMT_PREPARE.
func prep(sql string) step {
	return step{name: "prepare " + sql, cmd: wire.ComStmtPrepare, arg: []byte(sql)}
}

// raw is any command.
func raw(name string, cmd byte, arg ...byte) step { return step{name: name, cmd: cmd, arg: arg} }

// allTypes is a table with a column of every type that both servers have.
const allTypes = `create table ty (id int primary key auto_increment, ti tinyint unsigned, si smallint, mi mediumint,
 bi bigint unsigned, f float, f72 float(7,2), d double, d102 double(10,2), de decimal(30,10), b bit(12), dt date,
 dtm datetime(6), ts timestamp(3) null, tm time(6), tmneg time(2), y year, c char(5), vc varchar(20) character set latin1,
 bn binary(4), bl blob, tx text, en enum('a','b'), se set('x','y'), js json, g geometry, nn int)`

// twoRows fills it: extremes, and NULLs.
const twoRows = `insert into ty values (1,5,-3,-70000,18446744073709551615,1.1,1.10,1e20,1.10,12345678901234567890.0123456789,
 b'101010101010','0000-00-00','2024-02-29 01:02:03.000456','2024-01-01 00:00:00.500','-101:02:03.000004','-00:00:01.50',2024,
 'ab','café',x'00ff',x'00fe01','tx','b','x,y','{"a":1}',ST_GeomFromText('POINT(1 2)'),null),
 (2,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null,null)`

// script is the commands.
func script() []group {
	table := []step{q("set sql_mode=''"), q("drop table if exists ty"), q(allTypes), q(twoRows)}
	return append([]group{
		{name: "text", steps: append(table,
			q("select * from ty"), q("update ty set si=si where id=1"), q("update ty set si=9 where id=1"),
			q("insert into ty(ti) values (300)"), q("show warnings"), q("select last_insert_id(), row_count()"), q("select ti from ty where id=3"),
			q("insert into ty(id) values(1)"), q("insert into ty(ti) values (1),(2),(3)"), q("select last_insert_id()"),
			q("insert into ty(id,ti) values (1,1) on duplicate key update ti=ti+1, id=last_insert_id(id)"),
			q("select sql_calc_found_rows id from ty limit 1"), q("select found_rows()"), q("delete from ty where id=99"), q("select * from ty where id=99"),
			q("do 1/0"), q("select 1/0"), q("show warnings"), q("selec"), q(""), q("   "), q("/* nothing */"), q("select cast(x'fe' as binary), repeat('x',300)"),
			q("select * from nowhere"), q("select 18446744073709551615, -1, 1.5e0, null, '', date'2024-01-01'"), q("set @a=1, @b='x'"), q("select @a,@b"),
			q("show tables"), q("show columns from ty"), q("explain select 1"), q("truncate table ty"))},
		{name: "several", steps: []step{q("drop table if exists m"), q("create table m (a int)"),
			q("select 1; select 'a','b'; insert into m values (1),(2)"), q("select 1; selec; select 2"), q("insert into m values (3); select * from m; "),
			raw("multi off", wire.ComSetOption, 1, 0), q("select 1; select 2"), raw("multi on", wire.ComSetOption, 0, 0), q("select 1; select 2"),
			raw("option 7", wire.ComSetOption, 7, 0)}},
		{name: "procedures", steps: []step{q("drop procedure if exists p1"), q("create procedure p1() begin select 1 as x; select 2 as y, 3; end"),
			q("call p1()"), prep("call p1()"), exec("call", 1, 0), exec("call again", 1, 0), q("drop procedure if exists p2"),
			q("create procedure p2(in a int, out b int, inout c varchar(10)) begin set b=a+1; select a; set c=concat(c,'!'); end"),
			q("set @c='x'"), q("call p2(1,@b,@c)"), q("select @b,@c"), prep("call p2(?,?,?)"),
			exec("call with out", 1, 0, 0, 1, 8, 0, 8, 0, 0xfd, 0, 5, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 1, 'z'),
			q("drop procedure if exists p3"), q("create procedure p3() begin select 1; select * from nowhere; end"), q("call p3()"), q("select 5")}},
		{name: "transactions", steps: []step{q("drop table if exists tr"), q("create table tr (a int primary key) engine=innodb"), q("begin"),
			q("insert into tr values (4)"), q("select 1"), q("savepoint s"), q("rollback to s"), q("commit"), q("set autocommit=0"), q("select * from tr"),
			q("set autocommit=1"), q("start transaction read only"), q("insert into tr values (5)"), q("rollback"), q("start transaction with consistent snapshot"),
			q("create table if not exists tr2 (a int)"), q("xa start 'x'"), q("xa end 'x'"), q("xa rollback 'x'"), q("lock tables tr write"), q("select * from tr2"), q("unlock tables")}},
		{name: "databases", steps: []step{q("use mysql"), q("select database()"), raw("init_db nope", wire.ComInitDB, []byte("nope")...), q("select database()"),
			raw("init_db mysql", wire.ComInitDB, []byte("mysql")...), q("select database()"), q("use nope"), raw("init_db empty", wire.ComInitDB)}},
		{name: "prepared", steps: append(table[:4:4],
			prep("select * from ty where id in (?,2)"), exec("select", 1, 0, 0, 1, 3, 0, 1, 0, 0, 0), exec("without types", 1, 0, 0, 0, 1, 0, 0, 0),
			exec("with a cursor", 1, 1, 0, 1, 3, 0, 1, 0, 0, 0), raw("fetch", wire.ComStmtFetch, append(u32(1), 1, 0, 0, 0)...),
			raw("fetch", wire.ComStmtFetch, append(u32(1), 9, 0, 0, 0)...), raw("fetch", wire.ComStmtFetch, append(u32(1), 9, 0, 0, 0)...),
			raw("reset", wire.ComStmtReset, u32(1)...), exec("after reset", 1, 0, 0, 0, 2, 0, 0, 0), raw("close", wire.ComStmtClose, u32(1)...),
			exec("after close", 1, 0, 0, 0, 2, 0, 0, 0),
			prep("insert into ty(id,bl) values(?,?)"), exec("duplicate", 1, 0, 0, 1, 3, 0, 0xfc, 0, 1, 0, 0, 0, 1, 'z'),
			raw("long data", wire.ComStmtLongData, append(append(u32(1), 1, 0), "LONG"...)...), raw("long data", wire.ComStmtLongData, append(append(u32(1), 1, 0), "LONG"...)...),
			exec("long", 1, 0, 0, 1, 3, 0, 0xfc, 0, 77, 0, 0, 0), exec("null now", 1, 0, 2, 1, 3, 0, 0xfc, 0, 78, 0, 0, 0),
			raw("long data", wire.ComStmtLongData, append(append(u32(1), 1, 0), "gone"...)...), raw("reset", wire.ComStmtReset, u32(1)...),
			exec("after reset", 1, 0, 0, 1, 3, 0, 0xfc, 0, 79, 0, 0, 0, 1, 'k'), q("select id,bl from ty where id>70"))},
		{name: "odd prepared", steps: []step{prep("selec ?"), exec("unknown", 999, 0), raw("fetch unknown", wire.ComStmtFetch, append(u32(999), 1, 0, 0, 0)...),
			raw("reset unknown", wire.ComStmtReset, u32(999)...), raw("close unknown", wire.ComStmtClose, u32(999)...),
			raw("long data unknown", wire.ComStmtLongData, append(append(u32(999), 1, 0), "x"...)...), prep("select 1"), exec("no parameters", 1, 0), exec("-1", 0xffffffff, 0),
			prep("select ?+?"), exec("doubles", 1, 0, 0, 1, 5, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f),
			exec("cut short", 1, 0, 0, 1, 5, 0, 5, 0, 0), prep("select 1; select 2"), prep(""), prep("set @x=?"), exec("set", 1, 0, 0, 1, 1, 0x80, 200), q("select @x"),
			prep("begin"), exec("begin", 1, 0), prep("commit"), exec("commit", 1, 0), q("prepare s from 'select ?'"), q("execute s using @x"), q("deallocate prepare s"),
			prep("lock tables ty read"), prep("handler ty open"), prep("do ?"), exec("with a null", 1, 0, 1, 1, 6, 0), prep("show tables"), exec("show", 1, 0)}},
		{name: "commands", steps: append(table[:3:3], raw("field list", wire.ComFieldList, []byte("ty\x00s%")...), raw("field list of nothing", wire.ComFieldList, []byte("nothing\x00")...),
			raw("statistics", wire.ComStatistics), raw("ping", wire.ComPing), raw("unknown", 0x55), raw("sleep", wire.ComSleep), raw("debug", wire.ComDebug),
			raw("time", wire.ComTime), raw("refresh", wire.ComRefresh, 2), q("kill query 4294967200"), q("kill 4294967200"), raw("process kill", wire.ComProcessKill, u32(4294967200)...),
			q("kill user nobody"), q("kill 1, 2"), q("get diagnostics @n = number"), q("select 6"))},
		{name: "reset", steps: []step{q("set @a=5"), prep("select ?"), q("create temporary table tmp (a int)"), q("begin"), raw("reset", wire.ComResetConnection), q("select @a"),
			exec("statement is gone", 1, 0, 0, 1, 3, 0, 1, 0, 0, 0), q("select * from tmp"), q("select database(), last_insert_id()"), raw("ping", wire.ComPing)}},
		{name: "file", steps: []step{q("drop table if exists lf"), q("create table lf (a int, b varchar(10))"),
			{name: "load", cmd: wire.ComQuery, arg: []byte("load data local infile 'x' into table lf fields terminated by ','"), file: "1,a\n2,b\n3,toolongforthecolumn\n"},
			q("show warnings"), q("select * from lf"),
			{name: "large", cmd: wire.ComQuery, arg: []byte("load data local infile 'x' into table lf fields terminated by ','"), file: strings.Repeat("7,b\n", 30000)},
			q("select count(*) from lf"), q("load data local infile 'x' into table nowhere")}},
		{name: "large", steps: []step{q("select repeat('a', 70000), repeat('b', 250), repeat('c', 251)"), q("select repeat('" + strings.Repeat("y", 100000) + "', 2)"),
			q("with recursive r as (select 1 n union all select n+1 from r where n < 900) select n, repeat('z', n) from r")}},
		{name: "character sets", steps: []step{q("set names latin1"), q("select 'caf\xe9', _utf8mb4'\xc3\xa9', x'e9'"), q("set names utf8mb4"), q("set character_set_results=NULL"),
			q("select _latin1 x'e9'"), q("set names gbk"), q("select '\xb0\xa1'"), q("set names binary"), q("select '\xff\xfe'"), q("set names nonsense")}},
	}, dialectScript()...)
}

// dialectScript is what only one of the servers understands.
func dialectScript() []group {
	return []group{
		{name: "mariadb", only: "mariadb", steps: []step{q("create or replace table r (a int auto_increment primary key, b inet6 null, u uuid)"),
			q("insert into r(b) values ('::1') returning a, b"), q("select * from r"), prep("insert into r(b) values (?) returning a"), exec("null", 1, 0, 1, 1, 0xfd, 0),
			q("set statement max_statement_time=1 for select 1"), q("select json_extract('{\"a\":1}','$.a') j"), q("select next value for nosuch"),
			q("begin not atomic select 1; select 2; end"), raw("bulk", wire.ComStmtBulkExecute)}[:9]},
		{name: "mysql", only: "mysql", steps: []step{q("select json_arrayagg(1), vector_to_string(to_vector('[1,2]'))"), q("values row(1,2), row(3,4)"), q("show warnings"),
			q("select mysql_query_attribute_string('a')"), q("table nowhere"), q("select /*+ max_execution_time(1000) */ 1")}},
	}
}
