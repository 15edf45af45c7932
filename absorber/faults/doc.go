// Package faults holds the tests that let every side effect of the absorber
// fail: two processes on one Redis and one MySQL run a scenario in which, run
// after run, the first, second, third ... call under one label fails before its
// effect, after it, or instead of it, or is the last thing that its process
// does. After each run nothing may be lost, nothing doubled, and nothing stuck.
//
//	SHOCK_ABSORBER_REAL=1      the servers are there; without it the tests are skipped
//	SHOCK_ABSORBER_SOAK=30m    every call fails once in each way, not only some;
//	                           no run of a scenario begins after that time
//	SHOCK_ABSORBER_LABEL=l     only calls under this label fail
package faults
