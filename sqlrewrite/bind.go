package sqlrewrite

import (
	"slices"
	"strings"

	"github.com/rzpsarthak13/shock-absorber/absorber/row"
	"github.com/rzpsarthak13/shock-absorber/absorber/schema"
)

// bound checks what no Plan can know of one execution's values, before they
// are computed with here.
func (p *Plan) bound(args []Arg, env *Env) Reason {
	switch {
	case p.Shadow == ShadowMust:
		return p.Reason
	case len(args) < p.slots:
		return ReasonParameters
	case env.Charset == "utf8mb4":
		return ""
	}
	for i := range args {
		if args[i].Kind == row.KindString && (env.binary() || !env.sameText(args[i].Text)) {
			return ReasonSessionCharset
		}
	}
	return ""
}

// Rows computes the rows of an absorbed INSERT, in the order of the text. With
// a Reason there are none: forward the statement. The images may alias args
// and the text; they are good as long as those are.
func (p *Plan) Rows(args []Arg, env *Env) ([]NewRow, Reason) {
	if r := p.bound(args, env); r != "" {
		return nil, r
	}
	v := evaluation{t: p.Table, env: env, mode: env.storeMode(), args: args}
	in := p.insert
	rows := make([]NewRow, len(in.rows))
	width := len(p.Table.Columns)
	cells := make([][]byte, width*len(rows))
	for i, exprs := range in.rows {
		im := row.Image(cells[i*width : (i+1)*width : (i+1)*width])
		rows[i].Image = im
		for k := range exprs {
			c := in.columns[k]
			if c == p.Table.AutoIncrement {
				var r Reason
				if rows[i].Generate, r = v.autoIncrement(im, c, &exprs[k]); r != "" {
					return nil, r
				}
				continue
			}
			stored, r := v.assign(c, &exprs[k])
			if r != "" {
				return nil, r
			}
			im[c] = stored
		}
		if r := v.defaults(&rows[i], in, len(exprs) == 0); r != "" {
			return nil, r
		}
		if rows[i].Generate != rows[0].Generate {
			return nil, ReasonMixedAuto
		}
	}
	return rows, ""
}

// autoIncrement sets the AUTO_INCREMENT column, or finds that the row asks for
// a value: by NULL, DEFAULT, or 0 unless the mode says that 0 is a value: that
// is also what DEFAULT stands for then.
func (v *evaluation) autoIncrement(im row.Image, c int, e *expr) (bool, Reason) {
	if e.op == opDefault && v.env.Mode&ModeNoAutoValueOnZero != 0 {
		im[c] = []byte("0")
		return false, ""
	}
	if e.op == opNull || e.op == opDefault || e.op == opSlot && v.args[e.n].Kind == row.KindNull {
		return true, ""
	}
	stored, r := v.assign(c, e)
	if r != "" {
		return false, r
	}
	if len(strings.Trim(string(stored), "0")) == 0 && v.env.Mode&ModeNoAutoValueOnZero == 0 {
		return true, ""
	}
	im[c] = stored
	return false, ""
}

// defaults fills the columns that are given no value.
func (v *evaluation) defaults(r *NewRow, in *insertPlan, all bool) Reason {
	for c := range v.t.Columns {
		if !all && !slices.Contains(in.rest, c) {
			continue
		}
		if c == v.t.AutoIncrement {
			r.Generate = true
			continue
		}
		stored, reason := v.byDefault(c)
		if reason != "" {
			return reason
		}
		r.Image[c] = stored
	}
	return ""
}

// Keys computes the rows an absorbed UPDATE, DELETE or PointRead is about:
// ascending by Key, without repeats. With a Reason there are none: forward the
// statement, or let the shadow have it.
func (p *Plan) Keys(args []Arg, env *Env) ([]row.Ref, Reason) {
	if p.where == nil || p.Index != nil {
		return nil, ReasonNoKey
	}
	if r := p.bound(args, env); r != "" {
		return nil, r
	}
	refs, r := p.refs(args, env)
	if r != "" {
		return nil, r
	}
	return refs, p.where.limited(len(refs), args)
}

// IndexKeys is Keys for a statement that names its rows by Plan.Index:
// ascending as the index orders them, without repeats.
func (p *Plan) IndexKeys(args []Arg, env *Env) ([]IndexKey, Reason) {
	if p.where == nil || p.Index == nil {
		return nil, ReasonNoKey
	}
	if r := p.bound(args, env); r != "" {
		return nil, r
	}
	keys, r := p.indexKeys(args, env)
	if r != "" {
		return nil, r
	}
	return keys, p.where.limited(len(keys), args)
}

// limited checks LIMIT and ORDER BY against the number of keys.
func (k *keyPlan) limited(keys int, args []Arg) Reason {
	switch {
	case len(k.order) > 0 && keys > 1:
		return ReasonOrderBy
	case k.offset >= 0 && !(args[k.offset].Kind == row.KindInt && string(args[k.offset].Text) == "0"):
		return ReasonLimit
	case k.limit >= 0 && !k.atLeast(k.limit, args, keys, -1):
		return ReasonLimit
	}
	return ""
}

// Apply computes what an absorbed UPDATE makes of a row: the new image and the
// columns that differ, ascending; none if the row stays as it is. im is not
// changed, but the new image shares its values, and may alias args. Whether
// the row is one of the statement's is Matches' to say.
func (p *Plan) Apply(im row.Image, args []Arg, env *Env) (row.Image, []uint16, Reason) {
	return p.apply(im, nil, args, env)
}

// ApplyDuplicate computes what the UPDATE of an Upsert makes of current, the
// row that is there, when inserted, one of Rows, cannot be: as Apply does. The
// AUTO_INCREMENT column of inserted must have its value.
func (p *Plan) ApplyDuplicate(current, inserted row.Image, args []Arg, env *Env) (row.Image, []uint16, Reason) {
	if p.Verb != Upsert || p.Table == nil || len(inserted) != len(p.Table.Columns) {
		return nil, nil, ReasonOnDuplicateKey
	}
	return p.apply(current, inserted, args, env)
}

// apply assigns from left to right; inserted is what VALUES() asks for.
func (p *Plan) apply(im, inserted row.Image, args []Arg, env *Env) (row.Image, []uint16, Reason) {
	if r := p.bound(args, env); r != "" {
		return nil, nil, r
	}
	if len(im) != len(p.Table.Columns) {
		return nil, nil, ReasonValue
	}
	v := evaluation{t: p.Table, env: env, mode: env.storeMode(), args: args, im: slices.Clone(im), inserted: inserted}
	for i := range p.set {
		a := &p.set[i]
		stored, r := v.assign(a.column, &a.value)
		if r != "" {
			return nil, nil, r
		}
		v.im[a.column] = stored
	}
	if !differs(im, v.im) {
		if p.nullAgain(im) {
			return nil, nil, ReasonValue
		}
		return v.im, nil, ""
	}
	for c := range p.Table.Columns {
		col := &p.Table.Columns[c]
		if !col.OnUpdateNow || slices.Contains(p.Assigned, c) {
			continue
		}
		stored, r := v.now(col)
		if r != "" {
			return nil, nil, r
		}
		v.im[c] = stored
	}
	var changed []uint16
	for c := range im {
		if !same(im[c], v.im[c]) {
			changed = append(changed, uint16(c))
		}
	}
	return v.im, changed, ""
}

// nullAgain reports whether a column that is assigned NULL, as every one is that
// is NULL in an image which stays the same, has a default: both servers compare
// the bytes below a NULL too, which are the default's in a row that was read,
// and may call such a row changed.
func (p *Plan) nullAgain(im row.Image) bool {
	return slices.ContainsFunc(p.set, func(a assignment) bool {
		return im[a.column] == nil && p.Table.Columns[a.column].Default != schema.DefaultNull
	})
}

// differs reports whether two images of a table differ.
func differs(a, b row.Image) bool {
	for i := range a {
		if !same(a[i], b[i]) {
			return true
		}
	}
	return false
}
