package wire

// Commands: the first byte of what a client sends.
const (
	ComSleep           byte = 0x00
	ComQuit            byte = 0x01
	ComInitDB          byte = 0x02
	ComQuery           byte = 0x03
	ComFieldList       byte = 0x04
	ComCreateDB        byte = 0x05
	ComDropDB          byte = 0x06
	ComRefresh         byte = 0x07
	ComShutdown        byte = 0x08
	ComStatistics      byte = 0x09
	ComProcessInfo     byte = 0x0a
	ComConnect         byte = 0x0b
	ComProcessKill     byte = 0x0c
	ComDebug           byte = 0x0d
	ComPing            byte = 0x0e
	ComTime            byte = 0x0f
	ComDelayedInsert   byte = 0x10
	ComChangeUser      byte = 0x11
	ComBinlogDump      byte = 0x12
	ComTableDump       byte = 0x13
	ComConnectOut      byte = 0x14
	ComRegisterSlave   byte = 0x15
	ComStmtPrepare     byte = 0x16
	ComStmtExecute     byte = 0x17
	ComStmtLongData    byte = 0x18
	ComStmtClose       byte = 0x19
	ComStmtReset       byte = 0x1a
	ComSetOption       byte = 0x1b
	ComStmtFetch       byte = 0x1c
	ComDaemon          byte = 0x1d
	ComBinlogDumpGTID  byte = 0x1e
	ComResetConnection byte = 0x1f
	ComStmtBulkExecute byte = 0xfa
)

// CommandName gives the name that metrics and logs use, "query" for ComQuery;
// "other" for what has no name.
func CommandName(cmd byte) string {
	if cmd == ComStmtBulkExecute {
		return "stmt_bulk_execute"
	}
	if int(cmd) < len(commandNames) {
		return commandNames[cmd]
	}
	return "other"
}

// commandNames is indexed by command.
var commandNames = [...]string{
	"sleep", "quit", "init_db", "query", "field_list", "create_db", "drop_db", "refresh",
	"shutdown", "statistics", "process_info", "connect", "process_kill", "debug", "ping", "time",
	"delayed_insert", "change_user", "binlog_dump", "table_dump", "connect_out", "register_slave", "stmt_prepare", "stmt_execute",
	"stmt_send_long_data", "stmt_close", "stmt_reset", "set_option", "stmt_fetch", "daemon", "binlog_dump_gtid", "reset_connection",
}

// Field types of column definitions and parameters.
const (
	TypeDecimal    byte = 0
	TypeTiny       byte = 1
	TypeShort      byte = 2
	TypeLong       byte = 3
	TypeFloat      byte = 4
	TypeDouble     byte = 5
	TypeNull       byte = 6
	TypeTimestamp  byte = 7
	TypeLongLong   byte = 8
	TypeInt24      byte = 9
	TypeDate       byte = 10
	TypeTime       byte = 11
	TypeDatetime   byte = 12
	TypeYear       byte = 13
	TypeNewDate    byte = 14
	TypeVarchar    byte = 15
	TypeBit        byte = 16
	TypeJSON       byte = 245
	TypeNewDecimal byte = 246
	TypeEnum       byte = 247
	TypeSet        byte = 248
	TypeTinyBlob   byte = 249
	TypeMediumBlob byte = 250
	TypeLongBlob   byte = 251
	TypeBlob       byte = 252
	TypeVarString  byte = 253
	TypeString     byte = 254
	TypeGeometry   byte = 255
)

// FlagUnsigned is the column flag of unsigned numbers.
const FlagUnsigned uint16 = 0x20
