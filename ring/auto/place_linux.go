package auto

import (
	"os"
	"strconv"
)

// place is where this process runs, which decides how its system call filter
// and its limits are set.
type place int

const (
	onHost    place = iota // none of the others, as far as can be seen
	inPod                  // Kubernetes
	inDocker               // a container of Docker's
	inOther                // a container of Podman, LXC, nspawn …
	inService              // the main process of a systemd unit
)

// Words for doctor.
var placeNames = [...]string{"host", "kubernetes", "docker", "container", "systemd"}

func (p place) String() string { return placeNames[p] }

// findPlace looks for the marks that each leaves.
func findPlace(getenv func(string) string, exists func(path string) bool) place {
	switch {
	// Every pod has the variable, unless enableServiceLinks and the like are
	// off; most have the directory.
	case getenv("KUBERNETES_SERVICE_HOST") != "", exists("/var/run/secrets/kubernetes.io/serviceaccount"):
		return inPod
	case exists("/.dockerenv"):
		return inDocker
	case exists("/run/.containerenv"), getenv("container") != "":
		return inOther
	case getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid()):
		return inService
	}
	return onHost
}

// profilePath is where the profile lies in the source tree.
const profilePath = "deploy/seccomp/uringserve.json"

// profile is how to get past a system call filter.
func (p place) profile() string {
	switch p {
	case inPod:
		return "lay " + profilePath + " under /var/lib/kubelet/seccomp on the node, and set in the pod spec" +
			" securityContext.seccompProfile: {type: Localhost, localhostProfile: uringserve.json}"
	case inDocker, inOther:
		return "run the container with --security-opt seccomp=" + profilePath
	case inService:
		return "allow @aio in the unit's SystemCallFilter= (@system-service has it)"
	}
	return "use a seccomp profile that allows io_uring_setup, io_uring_enter and io_uring_register, such as " + profilePath
}

// memlock is how to get lockable memory.
func (p place) memlock() string {
	switch p {
	case inPod:
		return "set LimitMEMLOCK=8M in the unit of the node's container runtime (a pod spec cannot)"
	case inDocker, inOther:
		return "run the container with --ulimit memlock=8388608"
	case inService:
		return "set LimitMEMLOCK=8M in the unit"
	}
	return "raise RLIMIT_MEMLOCK to 8 MiB (ulimit -l 8192), or give the process CAP_IPC_LOCK"
}

// machine is what a person calls the system below.
func (p place) machine() string {
	if p == inPod {
		return "node"
	}
	return "host"
}
