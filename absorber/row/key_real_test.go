package row_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// TestKeysOnRealServers takes random texts through every collation that is
// called exact: the server's order and equality must be that of the keys.
func TestKeysOnRealServers(t *testing.T) { eachServer(t, testKeys) }

func testKeys(s *storeServer, dialect schema.Dialect) {
	t := s.t
	texts := randomTexts()
	tried := 0
	for _, r := range s.exec("SELECT COLLATION_NAME, CHARACTER_SET_NAME FROM information_schema.COLLATIONS WHERE COLLATION_NAME <> 'binary' AND CHARACTER_SET_NAME IS NOT NULL").RowDatas {
		im, err := row.DecodeImage(r, 2)
		if err != nil {
			t.Fatal(err)
		}
		if name := string(im[0]); row.CollationExact(name) {
			tried++
			s.collation(name, string(im[1]), dialect, texts)
		}
	}
	t.Logf("%d collations, %d texts", tried, len(texts))
	if tried < 50 {
		t.Errorf("only %d collations are exact", tried)
	}
}

// collation checks one collation: the texts sorted by the server, each with
// whether it equals the one before.
func (s *storeServer) collation(name, charset string, dialect schema.Dialect, texts []string) {
	s.exec("CREATE TABLE k (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40) CHARACTER SET " + charset + " COLLATE " + name + ", KEY (v))")
	defer s.exec("DROP TABLE k")
	table := &schema.Table{Dialect: dialect, Columns: []schema.Column{{Name: "v", Type: schema.Varchar, Length: 40, Charset: charset, Collation: name}}, Primary: schema.Index{Columns: []int{0}}}
	var rows []string
	for _, text := range texts {
		if _, ok := row.Store(&table.Columns[0], row.Value{Kind: row.KindString, Text: []byte(text)}, row.StoreMode{Dialect: dialect}); ok {
			lit, _ := literal(row.Value{Kind: row.KindString, Text: []byte(text)})
			rows = append(rows, "("+lit+")")
		}
	}
	s.exec("INSERT INTO k (v) VALUES " + strings.Join(rows, ","))
	queries := []string{
		"SELECT v, v = LAG(v) OVER (ORDER BY v, id) FROM k ORDER BY v, id",                         // by sort keys
		"SELECT v, v = (SELECT b.v FROM k b WHERE b.id = 0) FROM k FORCE INDEX (v) ORDER BY v, id", // as the index has it
	}
	for q, query := range queries {
		var before row.Key
		var text string
		for i, r := range s.exec(query).RowDatas {
			im, err := row.DecodeImage(r, 2)
			if err != nil {
				s.t.Fatal(err)
			}
			ref, err := row.EncodeKey(table, im[:1])
			if err != nil {
				if !strings.Contains(string(im[0]), "\uffff") {
					s.t.Errorf("%s: no key for %q", name, im[0])
				}
				continue
			}
			if i > 0 && (ref.Key < before || q == 0 && (ref.Key == before) != (string(im[1]) == "1")) {
				s.t.Errorf("%s: %q, then %q, equal %s: keys %x, %x", name, text, im[0], im[1], before, ref.Key)
				break
			}
			before, text = ref.Key, string(im[0])
		}
	}
}

// randomTexts are reproducible: pieces that collations treat in their own way,
// and random characters.
func randomTexts() []string {
	rng := rand.New(rand.NewPCG(11, 2026))
	pieces := strings.Split("a|A|b|B|z|Z|0|9|_|-|ä|Ä|á|é|É|å|aa|Aa|ae|æ|ø|ö|ss|ß|ẞ|ch|Ch|CH|ll|lj|Lj|LJ|dz|dž|nj|ñ|n\u0303|e\u0301|ı|i|I|İ|ﬁ|ﬀ|œ|€|日|本|ア|ｱ|あ|ー|한|ก|เก|я|Я|ё|Ω|ω|ς|א|ع|\u00a0|\u2003|\t|\n|\x01|\x1f|!|~|\x7f|\u0080|\u00ad|\u200d|\ufeff|😀|😁|𝒜|\U0010ffff|\ufffd|\u0345|\u0f71\u0f72|中|丑|ch|ddz|ccs", "|")
	texts := []string{"", " ", "  ", "\t", "a\x00", "a\x00b"}
	for range 1500 {
		var b strings.Builder
		for range 1 + rng.IntN(5) {
			switch rng.IntN(8) {
			case 0, 1:
				b.WriteString(strings.Repeat(" ", 1+rng.IntN(3)))
			case 2:
				if r := rune(rng.IntN(0x3000)); utf8.ValidRune(r) {
					b.WriteRune(r)
				}
			case 3:
				if r := rune(rng.IntN(0x20000)); utf8.ValidRune(r) {
					b.WriteRune(r)
				}
			default:
				b.WriteString(pieces[rng.IntN(len(pieces))])
			}
		}
		texts = append(texts, b.String())
	}
	return texts
}
