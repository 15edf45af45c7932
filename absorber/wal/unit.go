package wal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"google.golang.org/protobuf/proto"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
)

// unitFormat is the first byte of an encoded unit; see unit.proto.
const unitFormat = 1

// unitHead is the length of what stands before the payload.
const unitHead = 5

// castagnoli is the polynomial of the checksum, in hardware on most machines.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrCorrupt: the bytes are not a unit that Encode made.
var ErrCorrupt = errors.New("not a unit of the WAL")

// Encode gives the bytes that stand for u in the WAL, in the queue and in dead
// letters. u.LSN is not part of them. It fails on names that are not UTF-8.
func Encode(u *row.Unit) ([]byte, error) {
	m := &UnitRecord{
		Writer: u.ID.Writer, Seq: u.ID.Seq, Lane: string(u.Lane), AcceptedMs: u.AcceptedMs,
		Mutations: make([]*MutationRecord, len(u.Mutations)),
	}
	records := make([]MutationRecord, len(u.Mutations))
	tables := map[string]uint32{}
	for i := range u.Mutations {
		mu, r := &u.Mutations[i], &records[i]
		t, ok := tables[mu.Table]
		if !ok {
			t = uint32(len(m.Tables))
			tables[mu.Table] = t
			m.Tables = append(m.Tables, mu.Table)
		}
		r.Table, r.Key, r.Op, r.Schema, r.Values = t, []byte(mu.Key), uint32(mu.Op), mu.Schema, mu.Image
		for c, v := range mu.Image {
			if v == nil {
				r.Nulls = append(r.Nulls, uint32(c))
			}
		}
		for _, c := range mu.Changed {
			r.Changed = append(r.Changed, uint32(c))
		}
		m.Mutations[i] = r
	}
	b := make([]byte, unitHead, unitHead+proto.Size(m))
	b, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, m)
	if err != nil {
		return nil, fmt.Errorf("encode unit: %w", err)
	}
	b[0] = unitFormat
	binary.BigEndian.PutUint32(b[1:], crc32.Checksum(b[unitHead:], castagnoli))
	return b, nil
}

// Decode reads what Encode wrote, verifying checksum and shape. LSN is 0; set
// it from the record's place. Errors wrap ErrCorrupt.
func Decode(b []byte) (*row.Unit, error) {
	if len(b) < unitHead || b[0] != unitFormat {
		return nil, fmt.Errorf("decode unit: %w: %d bytes, or a format other than %d", ErrCorrupt, len(b), unitFormat)
	}
	if crc32.Checksum(b[unitHead:], castagnoli) != binary.BigEndian.Uint32(b[1:]) {
		return nil, fmt.Errorf("decode unit: %w: wrong checksum", ErrCorrupt)
	}
	var m UnitRecord
	if err := proto.Unmarshal(b[unitHead:], &m); err != nil {
		return nil, fmt.Errorf("decode unit: %w: %w", ErrCorrupt, err)
	}
	if len(m.ProtoReflect().GetUnknown()) > 0 {
		return nil, fmt.Errorf("decode unit: %w: a field of a later version", ErrCorrupt)
	}
	u := &row.Unit{
		ID: row.UnitID{Writer: m.Writer, Seq: m.Seq}, Lane: row.Lane(m.Lane), AcceptedMs: m.AcceptedMs,
	}
	if len(m.Mutations) > 0 {
		u.Mutations = make([]row.Mutation, len(m.Mutations))
	}
	for i, r := range m.Mutations {
		if err := decodeMutation(&u.Mutations[i], r, m.Tables); err != nil {
			return nil, fmt.Errorf("decode unit: %w: mutation %d: %w", ErrCorrupt, i, err)
		}
	}
	return u, nil
}

// decodeMutation fills mu from r, refusing whatever Encode cannot have written.
func decodeMutation(mu *row.Mutation, r *MutationRecord, tables []string) error {
	if len(r.ProtoReflect().GetUnknown()) > 0 {
		return errors.New("a field of a later version")
	}
	if int(r.Table) >= len(tables) {
		return fmt.Errorf("table %d of %d", r.Table, len(tables))
	}
	if r.Op < uint32(row.Insert) || r.Op > uint32(row.Delete) {
		return fmt.Errorf("op %d", r.Op)
	}
	mu.Table, mu.Key, mu.Op, mu.Schema = tables[r.Table], row.Key(r.Key), row.Op(r.Op), r.Schema
	if len(r.Values) > 0 {
		mu.Image = make(row.Image, len(r.Values))
	}
	for c, v := range r.Values {
		if v == nil {
			v = []byte{}
		}
		mu.Image[c] = v
	}
	next := uint32(0)
	for _, c := range r.Nulls {
		if c < next || int(c) >= len(mu.Image) || len(mu.Image[c]) > 0 {
			return fmt.Errorf("NULL at column %d of %d", c, len(mu.Image))
		}
		mu.Image[c], next = nil, c+1
	}
	next = 0
	for _, c := range r.Changed {
		if c < next || int(c) >= len(mu.Image) || c > math.MaxUint16 {
			return fmt.Errorf("changed column %d of %d", c, len(mu.Image))
		}
		mu.Changed, next = append(mu.Changed, uint16(c)), c+1
	}
	return nil
}
