//go:build tools

// etcd as it is published, for tests and demonstrations alone.
package tools

import _ "go.etcd.io/etcd/server/v3"
