package wire

// Capability is the set of flags that client and server agree on in the
// handshake. The lower 32 bits are MySQL's, the upper 32 MariaDB's extended
// capabilities.
type Capability uint64

// The capabilities, named after the CLIENT_ flags of the protocol.
const (
	CapLongPassword       Capability = 1 << 0 // unset by MariaDB servers that announce extended capabilities
	CapFoundRows          Capability = 1 << 1
	CapLongFlag           Capability = 1 << 2
	CapConnectWithDB      Capability = 1 << 3
	CapNoSchema           Capability = 1 << 4
	CapCompress           Capability = 1 << 5
	CapODBC               Capability = 1 << 6
	CapLocalFiles         Capability = 1 << 7
	CapIgnoreSpace        Capability = 1 << 8
	CapProtocol41         Capability = 1 << 9
	CapInteractive        Capability = 1 << 10
	CapSSL                Capability = 1 << 11
	CapIgnoreSigpipe      Capability = 1 << 12
	CapTransactions       Capability = 1 << 13
	CapReserved           Capability = 1 << 14
	CapSecureConnection   Capability = 1 << 15
	CapMultiStatements    Capability = 1 << 16
	CapMultiResults       Capability = 1 << 17
	CapPSMultiResults     Capability = 1 << 18
	CapPluginAuth         Capability = 1 << 19
	CapConnectAttrs       Capability = 1 << 20
	CapPluginAuthLenenc   Capability = 1 << 21
	CapExpiredPasswords   Capability = 1 << 22
	CapSessionTrack       Capability = 1 << 23
	CapDeprecateEOF       Capability = 1 << 24
	CapOptionalMetadata   Capability = 1 << 25
	CapZstd               Capability = 1 << 26
	CapQueryAttributes    Capability = 1 << 27
	CapMultiFactor        Capability = 1 << 28
	CapVerifyServerCert   Capability = 1 << 30
	CapRememberOptions    Capability = 1 << 31
	CapProgress           Capability = 1 << 32
	CapBulkOperations     Capability = 1 << 34
	CapExtendedMetadata   Capability = 1 << 35 // MariaDB: column definitions carry type names such as "json"
	CapCacheMetadata      Capability = 1 << 36
	CapBulkUnitResults    Capability = 1 << 37
	extendedCapabilityBit            = 32
)

// Forwardable are the capabilities that hold for a session when both its
// client and its backend have them, because packets pass unchanged. Missing
// are those that change the transport (SSL, Compress, Zstd: each side has its
// own), the login (ExpiredPasswords, MultiFactor), and the shape of responses
// in ways the Scanner does not follow (OptionalMetadata, CacheMetadata,
// BulkOperations, BulkUnitResults, Progress).
const Forwardable = CapLongPassword | CapFoundRows | CapLongFlag | CapConnectWithDB | CapNoSchema |
	CapODBC | CapLocalFiles | CapIgnoreSpace | CapProtocol41 | CapInteractive | CapIgnoreSigpipe |
	CapTransactions | CapReserved | CapSecureConnection | CapMultiStatements | CapMultiResults |
	CapPSMultiResults | CapPluginAuth | CapConnectAttrs | CapPluginAuthLenenc | CapSessionTrack |
	CapDeprecateEOF | CapQueryAttributes | CapRememberOptions | CapExtendedMetadata

// Has reports whether all flags of x are set.
func (c Capability) Has(x Capability) bool { return c&x == x }

// Status flags of OK and EOF packets.
const (
	StatusInTransaction      uint16 = 0x0001
	StatusAutocommit         uint16 = 0x0002
	StatusMoreResults        uint16 = 0x0008
	StatusNoGoodIndexUsed    uint16 = 0x0010
	StatusNoIndexUsed        uint16 = 0x0020
	StatusCursorExists       uint16 = 0x0040
	StatusLastRowSent        uint16 = 0x0080
	StatusDBDropped          uint16 = 0x0100
	StatusNoBackslashEscapes uint16 = 0x0200
	StatusMetadataChanged    uint16 = 0x0400
	StatusQuerySlow          uint16 = 0x0800
	StatusPSOutParams        uint16 = 0x1000
	StatusInTransReadOnly    uint16 = 0x2000
	StatusSessionChanged     uint16 = 0x4000
)
