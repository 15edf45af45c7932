// Command shockabsorber is the proxy, its drainer and its tools.
//
//	shockabsorber [serve] --config config.toml
//	shockabsorber check   --config config.toml
//	shockabsorber drain   --config config.toml
//	shockabsorber load    --dsn DSN --rps N --duration T
//	shockabsorber status  [--admin URL] [--json]
//	shockabsorber pause | resume [--lane NAME]
//	shockabsorber deadletters list | show ID | retry ID | discard ID | edit ID --set column=value
//	shockabsorber audit   --config config.toml [--json]
//	shockabsorber wal dump [--lane NAME]
//	shockabsorber version
//
// Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 130 ended by
// a second signal; of audit: 0 no disagreements, 1 disagreements, 2 it could not
// look. Package daemon holds the wiring; this one only reads
// arguments.
package main
