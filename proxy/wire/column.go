package wire

// ColumnDef is a column definition as the server sends it before rows.
type ColumnDef struct {
	Schema, Table, OrgTable, Name, OrgName string

	Charset  uint16 // collation id, 63 = binary
	Length   uint32 // display width in bytes
	Type     byte
	Flags    uint16
	Decimals byte
	Extended []byte // MariaDB's extended metadata, with CapExtendedMetadata
	Default  []byte // in answers to COM_FIELD_LIST only
}

// AppendColumnDef appends the payload of a column definition.
func AppendColumnDef(dst []byte, caps Capability, d *ColumnDef) []byte {
	dst = AppendString(dst, "def")
	for _, s := range []string{d.Schema, d.Table, d.OrgTable, d.Name, d.OrgName} {
		dst = AppendString(dst, s)
	}
	if caps.Has(CapExtendedMetadata) {
		dst = AppendString(dst, d.Extended)
	}
	dst = append(dst, 0x0c, byte(d.Charset), byte(d.Charset>>8))
	dst = append(dst, byte(d.Length), byte(d.Length>>8), byte(d.Length>>16), byte(d.Length>>24))
	dst = append(dst, d.Type, byte(d.Flags), byte(d.Flags>>8), d.Decimals, 0, 0)
	if d.Default != nil {
		dst = AppendString(dst, d.Default)
	}
	return dst
}

// ParseColumnDef parses the payload of a column definition.
func ParseColumnDef(p []byte, caps Capability) (ColumnDef, error) {
	c := cursor{p: p}
	c.str() // the catalog, always "def"
	d := ColumnDef{Schema: string(c.str()), Table: string(c.str()), OrgTable: string(c.str()), Name: string(c.str()), OrgName: string(c.str())}
	if caps.Has(CapExtendedMetadata) {
		d.Extended = c.str()
	}
	c.int() // length of what follows, always 0x0c
	d.Charset, d.Length, d.Type, d.Flags, d.Decimals = c.u16(), c.u32(), c.u8(), c.u16(), c.u8()
	c.u16()
	if !c.bad && len(c.p) > 0 && c.p[0] != 0xfb {
		d.Default = c.str()
	}
	if c.bad {
		return ColumnDef{}, ErrMalformed
	}
	return d, nil
}

// ColumnCount reads the packet that starts a result set; 0 if it is malformed.
func ColumnCount(p []byte) int {
	c := cursor{p: p}
	n := c.int()
	if c.bad || n > 1<<16 {
		return 0
	}
	return int(n)
}
