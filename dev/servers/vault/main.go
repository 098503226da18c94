// Vault as it is published, for tests and demonstrations alone: no Python, npm or Debian package ships its binary.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() {
	os.Exit(command.Run(os.Args[1:]))
}
