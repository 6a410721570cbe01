// Package demo is two telephones and a story: alice calls bob through a server,
// each hears the other's tone, and the ladder, the quality of each direction and
// the call's record are printed. The telephones share nothing with the server
// but the SIP parser: what they report is what a peer sees.
package demo
