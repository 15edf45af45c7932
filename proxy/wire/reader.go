package wire

import (
	"errors"
	"io"
	"sync"
)

// MaxPayload is the longest payload of one packet. A longer one, or one of
// exactly this length, goes on in the next packet.
const MaxPayload = 1<<24 - 1

// ErrTooLarge is the answer to a payload above Reader.Limit.
var ErrTooLarge = errors.New("packet too large")

// ErrSequence is the answer to a packet out of order.
var ErrSequence = errors.New("packets out of order")

// bufferSize is the size of the buffers that are lent while a command runs.
const bufferSize = 32 << 10

// buffers lends them, so that an idle connection holds none.
var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

// borrow takes a buffer from the pool.
func borrow() []byte { return buffers.Get().(*[bufferSize]byte)[:] }

// giveBack returns a buffer to the pool if it came from there.
func giveBack(b []byte) {
	if cap(b) == bufferSize {
		buffers.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}

// Reader takes packets from one side of a connection. Between commands it
// holds only the small buffer it was made with; more is borrowed while a
// command runs and given back by Release.
type Reader struct {
	// Seq is the sequence id that the next packet must carry.
	Seq byte
	// Limit bounds a joined payload; 0 is 1 GiB, the most a server accepts.
	Limit int

	src   io.Reader
	small []byte // kept; nil for a side that is only read while a command runs
	buf   []byte // small, or borrowed, or grown
	r, w  int    // buf[r:w] is read from src and not yet consumed
	frame []byte // a payload that did not fit into buf
}

// NewReader reads from src. keep is the size in bytes of the buffer that is
// kept while the connection is idle, 0 for none.
func NewReader(src io.Reader, keep int) *Reader {
	rd := &Reader{src: src}
	if keep > 0 {
		rd.small = make([]byte, keep)
		rd.buf = rd.small
	}
	return rd
}

// Reset makes the reader go on with another source, such as the TLS
// connection over the same socket. Nothing may be buffered.
func (rd *Reader) Reset(src io.Reader) { rd.src = src }

// Buffered is how many bytes were read from the source and not consumed.
func (rd *Reader) Buffered() int { return rd.w - rd.r }

// Release gives borrowed memory back. What Peek and ReadFrame returned is
// invalid from now on.
func (rd *Reader) Release() {
	giveBack(rd.frame)
	rd.frame = nil
	n := rd.Buffered()
	switch {
	case len(rd.buf) == len(rd.small): // still the small one
		return
	case n > len(rd.small): // pipelined input: keep it
		return
	}
	old := rd.buf
	rd.buf = rd.small
	copy(rd.buf, old[rd.r:rd.w])
	rd.r, rd.w = 0, n
	giveBack(old)
}

// Roomy makes the following reads use a large buffer, until Release.
func (rd *Reader) Roomy() {
	if len(rd.buf) < bufferSize {
		rd.move(borrow())
	}
}

// move puts the unread bytes to the front of b and goes on with b.
func (rd *Reader) move(b []byte) {
	old := rd.buf
	n := copy(b, old[rd.r:rd.w])
	rd.buf, rd.r, rd.w = b, 0, n
	if len(old) != len(rd.small) {
		giveBack(old)
	}
}

// Peek returns all bytes that are buffered, at least n of them, reading as
// needed. They stay until Discard, and are valid until the next call.
func (rd *Reader) Peek(n int) ([]byte, error) {
	for rd.w-rd.r < n {
		if err := rd.room(n); err != nil {
			return nil, err
		}
		m, err := rd.src.Read(rd.buf[rd.w:])
		rd.w += m
		if m == 0 && err != nil {
			if err == io.EOF && rd.w > rd.r {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return rd.buf[rd.r:rd.w], nil
}

// room makes space for the next read, towards holding n bytes in one piece.
func (rd *Reader) room(n int) error {
	if n > rd.limit()+4 {
		return ErrTooLarge
	}
	if rd.r == rd.w {
		rd.r, rd.w = 0, 0
	}
	switch {
	case rd.r+n <= len(rd.buf):
		return nil
	case n <= bufferSize && n > len(rd.buf):
		rd.move(borrow())
		return nil
	case rd.r > 0:
		copy(rd.buf, rd.buf[rd.r:rd.w])
		rd.r, rd.w = 0, rd.w-rd.r
	}
	if rd.w == len(rd.buf) {
		// Grow with what has arrived, not with what a header promises.
		rd.move(make([]byte, min(n, max(2*len(rd.buf), 2*bufferSize))))
	}
	return nil
}

// Discard consumes n bytes that Peek returned.
func (rd *Reader) Discard(n int) { rd.r += n }

// limit is the effective Limit.
func (rd *Reader) limit() int {
	if rd.Limit > 0 {
		return rd.Limit
	}
	return 1 << 30
}

// ReadFrame reads one payload, joined if it was split, and returns it behind
// 4 bytes of room: the payload is frame[4:]. The frame is the caller's to
// change, and valid until the next call on the Reader.
func (rd *Reader) ReadFrame() ([]byte, error) {
	n, err := rd.header()
	if err != nil {
		return nil, err
	}
	if n > rd.limit() {
		return nil, ErrTooLarge
	}
	if n < MaxPayload && n+4 <= max(len(rd.buf), bufferSize) {
		p, err := rd.Peek(4 + n)
		if err != nil {
			return nil, unexpected(err)
		}
		rd.Discard(4 + n)
		rd.Seq++
		return p[: 4+n : 4+n], nil
	}
	return rd.readLarge()
}

// header waits for a packet's header and returns the payload's length. The
// header stays unread.
func (rd *Reader) header() (int, error) {
	p, err := rd.Peek(4)
	if err != nil {
		return 0, err
	}
	if p[3] != rd.Seq {
		return 0, ErrSequence
	}
	return int(p[0]) | int(p[1])<<8 | int(p[2])<<16, nil
}

// readLarge joins the packets of one payload in a buffer of its own, which
// grows with the bytes that have really arrived.
func (rd *Reader) readLarge() ([]byte, error) {
	frame := make([]byte, 4, 4*bufferSize)
	for {
		n, err := rd.header()
		if err != nil {
			return nil, unexpected(err)
		}
		if len(frame)-4+n > rd.limit() {
			return nil, ErrTooLarge
		}
		rd.Discard(4)
		rd.Seq++
		if frame, err = rd.appendTo(frame, n); err != nil {
			return nil, unexpected(err)
		}
		if n < MaxPayload {
			rd.frame = frame
			return frame, nil
		}
	}
}

// appendTo appends the next n bytes of the stream to dst.
func (rd *Reader) appendTo(dst []byte, n int) ([]byte, error) {
	m := min(n, rd.Buffered())
	dst = append(dst, rd.buf[rd.r:rd.r+m]...)
	rd.Discard(m)
	for n -= m; n > 0; n -= m {
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), 2*cap(dst))
			copy(grown, dst)
			dst = grown
		}
		m = min(n, cap(dst)-len(dst))
		if _, err := io.ReadFull(rd.src, dst[len(dst):len(dst)+m]); err != nil {
			return nil, err
		}
		dst = dst[:len(dst)+m]
	}
	return dst, nil
}

// unexpected turns an end of stream inside a packet into io.ErrUnexpectedEOF.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// firstPiece is what ReadExact reads at first; most logins are shorter.
const firstPiece = 1 << 10

// ReadExact reads one unsplit packet of at most limit bytes and not one byte
// more, for the part of the handshake after which the stream may turn into
// TLS. It returns the packet's sequence id and its payload.
func ReadExact(src io.Reader, limit int) (seq byte, payload []byte, err error) {
	var h [4]byte
	if _, err := io.ReadFull(src, h[:]); err != nil {
		return 0, nil, err
	}
	n := int(h[0]) | int(h[1])<<8 | int(h[2])<<16
	if n > limit {
		return 0, nil, ErrTooLarge
	}
	// Memory for what has arrived, not for what a header promises: whoever
	// connects may say anything here.
	payload = make([]byte, min(n, firstPiece))
	for at := 0; ; {
		m, err := io.ReadFull(src, payload[at:])
		if at += m; err != nil || at == n {
			return h[3], payload[:at], unexpected(err)
		}
		payload = append(payload, make([]byte, min(n-at, at))...)
	}
}
