// Package sqlrewrite decides what happens to a statement: which absorbed tables
// it may touch, what it does to the session, and whether the proxy can answer
// it from memory. It is pure: SQL text, a session's Env and a Catalog go in,
// a Plan comes out; nothing is read or written.
//
// The lexer and the parser are the project's own. The parser knows exactly the
// statements that are absorbed and refuses everything else, so a statement is
// never absorbed because a larger grammar took it for something it is not. What
// it accepts is read a second time by TiDB's parser, and both have to agree.
//
// What cannot be computed here may be run by the server on a shadow of the
// table, a temporary one that holds the rows concerned: then the plan proves
// which rows these are, and that nothing else goes into the result.
// DESIGN.md follows a statement through the package.
package sqlrewrite
