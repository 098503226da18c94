//go:build tools

// kube-apiserver as it is published, for tests and demonstrations alone: no Python or Debian package ships its binary.
package tools

import _ "k8s.io/kubernetes/cmd/kube-apiserver"
