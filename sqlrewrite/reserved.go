package sqlrewrite

import "strings"

// reservedWords are the words that at least one of the servers does not take,
// bare, for the name of a table, a column or an alias in some place of the
// statements that are absorbed, or takes for something else (TRUE, NOW's
// synonyms, character set introducers). Asked of MySQL 9.7 and MariaDB 10.11; TestReservedWords asks again.
const reservedWords = `
accessible add all alter analyze and as asc asensitive before between bigint binary blob both by call cascade
case change char character check collate column condition constraint continue convert create cross cube
cume_dist current_date current_role current_time current_timestamp current_user cursor database databases
day_hour day_microsecond day_minute day_second dec decimal declare default delayed delete delete_domain_id
dense_rank desc describe deterministic distinct distinctrow div do_domain_ids double drop dual each else
elseif empty enclosed escaped except exists exit explain external false fetch first_value float float4 float8
for force foreign from fulltext function generated get grant group grouping groups having high_priority
hour_microsecond hour_minute hour_second if ignore ignore_domain_ids in index infile inner inout insensitive
insert int int1 int2 int3 int4 int8 integer intersect interval into io_after_gtids io_before_gtids is iterate
join json_table key keys kill lag last_value lateral lead leading leave left library like limit linear lines
load localtime localtimestamp lock long longblob longtext loop low_priority master_demote_to_replica
master_demote_to_slave master_ssl_verify_server_cert match maxvalue mediumblob mediumint mediumtext member
middleint minute_microsecond minute_second mod modifies natural no_write_to_binlog not nth_value ntile null
numeric of offset on optimize optimizer_costs option optionally or order out outer outfile over page_checksum
parse_vcol_expr partition percent_rank portion precision primary procedure purge qualify range rank read
read_write reads real recursive ref_system_id references regexp release rename repeat replace require resignal
restrict return returning revoke right rlike row row_number rows schema schemas second_microsecond select
sensitive separator set show signal smallint sounds spatial specific sql sql_big_result sql_buffer_result
sql_cache sql_calc_found_rows sql_no_cache sql_small_result sqlexception sqlstate sqlwarning ssl starting
stats_auto_recalc stats_persistent stats_sample_pages stored straight_join system table tablesample terminated
then tinyblob tinyint tinytext to trailing trigger true undo union unique unlock unsigned update usage use
using utc_date utc_time utc_timestamp value values varbinary varchar varcharacter varying virtual when where
while window with write xor year_month zerofill
_armscii8 _ascii _big5 _binary _cp1250 _cp1251 _cp1256 _cp1257 _cp850 _cp852 _cp866 _cp932 _dec8 _eucjpms _euckr
_filename _gb18030 _gb2312 _gbk _geostd8 _greek _hebrew _hp8 _keybcs2 _koi8r _koi8u _latin1 _latin2 _latin5
_latin7 _macce _macroman _sjis _swe7 _tis620 _ucs2 _ujis _utf16 _utf16le _utf32 _utf8 _utf8mb3 _utf8mb4
`

// callWords are the functions that are a word of their own when a parenthesis
// follows at once, so that they are no table name there.
const callWords = `
adddate bit_and bit_or bit_xor cast count curdate curtime date_add date_sub extract group_concat json_arrayagg
json_objectagg max mid min now position session_user st_collect std stddev stddev_pop stddev_samp subdate substr
substring sum sysdate system_user trim variance var_pop var_samp
`

// reserved and calls are the same as sets, in lower case.
var (
	reserved = wordSet(reservedWords)
	calls    = wordSet(callWords)
)

// wordSet splits a list of words.
func wordSet(list string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(list) {
		set[w] = true
	}
	return set
}
