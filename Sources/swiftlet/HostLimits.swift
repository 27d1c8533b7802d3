import Configuration
import Host
import SystemPackage

/// What the host allows guests in memory, for `swiftlet doctor`: each with what it means and, where it is a problem, what
/// mends it.
struct HostLimits {
    var findings: [Finding] {
        [memory] + groupFindings + poolFindings + [mapCount, overcommit, transparentHugePages] + nodeFindings
    }

    private var memory: Finding {
        let text = read("proc/meminfo") ?? ""
        guard let total = KernelText.value(of: "MemTotal:", in: text),
            let available = KernelText.value(of: "MemAvailable:", in: text)
        else { return Finding(.notice, "the host does not say how much memory it has") }
        let line = "memory: \(size(available)) of \(size(total)) available, what guests can take together"
        guard available >= MachineConfiguration.defaultMemory else {
            return Finding(
                .notice, line, remedy: "Less than a guest has by default: end something, or give --memory less")
        }
        return Finding(.good, line)
    }

    /// Of several cgroups, the one with the least room decides.
    private var groupFindings: [Finding] {
        guard let tightest = ControlGroup.limited().min(by: { $0.room < $1.room }) else {
            return [Finding(.good, "memory cgroup: no limit")]
        }
        let line =
            "memory cgroup \(tightest.path): limit \(size(tightest.limit)), \(size(tightest.room)) left; guests that"
            + " need more are killed"
        guard tightest.room >= MachineConfiguration.defaultMemory else {
            let file = tightest.path.appending(
                (try? Stat(tightest.path.appending("memory.max"))) != nil ? "memory.max" : "memory.limit_in_bytes")
            return [
                Finding(
                    .notice, line,
                    remedy: "echo 4G | sudo tee \(file)  (prealloc=on makes a plug that does not fit wait instead)")
            ]
        }
        return [Finding(.good, line)]
    }

    private var poolFindings: [Finding] {
        MemoryBackend.HugePageSize.allCases.map { page in
            let directory = "sys/kernel/mm/hugepages/hugepages-\(page.rawValue >> 10)kB"
            let name = "huge pages of \(ByteSize(page.rawValue))"
            guard let total = number(directory + "/nr_hugepages"), let free = number(directory + "/free_hugepages")
            else {
                return Finding(.notice, "\(name): none on this host; backend=hugetlbfs can't have them")
            }
            let line = "\(name): \(free) of \(total) free, for backend=hugetlbfs"
            return free > 0
                ? Finding(.good, line)
                : Finding(
                    .notice, line,
                    remedy: "echo \(total + .gibibytes(1) / page.rawValue) | sudo tee /\(directory)/nr_hugepages")
        }
    }

    private var mapCount: Finding {
        guard let count = number("proc/sys/vm/max_map_count").flatMap({ Int(exactly: $0) }) else {
            return Finding(.notice, "vm.max_map_count: unknown")
        }
        let pieces = MappingLimit.forGuestMemory(of: count) / 2
        let line = "vm.max_map_count \(count): a guest may have memory plugged in about \(pieces) pieces"
        return count >= MappingLimit.usual
            ? Finding(.good, line)
            : Finding(.notice, line, remedy: "sudo sysctl vm.max_map_count=\(MappingLimit.usual)")
    }

    private var overcommit: Finding {
        let ratio = number("proc/sys/vm/overcommit_ratio") ?? 50
        switch number("proc/sys/vm/overcommit_memory") {
        case 0?: return Finding(.good, "vm.overcommit_memory 0: guests may have more memory together than the host")
        case 1?: return Finding(.good, "vm.overcommit_memory 1: everything is promised, reserve=on means nothing")
        case 2?:
            let text = read("proc/meminfo") ?? ""
            let limit = KernelText.value(of: "CommitLimit:", in: text) ?? 0
            let used = KernelText.value(of: "Committed_AS:", in: text) ?? 0
            return Finding(
                .notice,
                "vm.overcommit_memory 2 (ratio \(ratio)): boot memory and each plugged block count in full against"
                    + " \(size(limit)), of which \(size(limit > used ? limit - used : 0)) are left",
                remedy: "sudo sysctl vm.overcommit_memory=0, or a higher vm.overcommit_ratio")
        default: return Finding(.notice, "vm.overcommit_memory: unknown")
        }
    }

    private var transparentHugePages: Finding {
        let directory = "sys/kernel/mm/transparent_hugepage/"
        let enabled = choice(directory + "enabled")
        let shared = choice(directory + "shmem_enabled")
        let line =
            "transparent huge pages: \(enabled ?? "none") for anonymous memory, \(shared ?? "none") for backend=memfd"
        guard enabled == "always" || enabled == "madvise" else {
            return Finding(
                .notice, line + "; guests are slow without",
                remedy: "echo madvise | sudo tee /\(directory)enabled")
        }
        guard let shared, shared != "never", shared != "deny" else {
            return Finding(
                .notice, line + "; guests on memfd are slow without",
                remedy: "echo advise | sudo tee /\(directory)shmem_enabled, or use backend=hugetlbfs")
        }
        return Finding(.good, line)
    }

    private var nodeFindings: [Finding] {
        let nodes = HostNode.withMemory.compactMap { HostNode(number: $0) }
        guard nodes.count > 1 else {
            return [Finding(.good, "NUMA: one node, so host-nodes and policy change nothing")]
        }
        let list = nodes.map { "node \($0.number) \(size($0.free)) of \(size($0.size)) free" }
        return [Finding(.good, "NUMA: " + list.joined(separator: ", ") + "; host-nodes chooses")]
    }

    private func read(_ path: String) -> String? { KernelText.read(FilePath("/" + path)) }

    private func number(_ path: String) -> UInt64? { KernelText.number(FilePath("/" + path)) }

    /// The word in brackets, which is the one that holds.
    private func choice(_ path: String) -> String? {
        guard let text = read(path), let start = text.firstIndex(of: "["), let end = text.firstIndex(of: "]") else {
            return nil
        }
        return String(text[text.index(after: start)..<end])
    }

    /// In mebibytes, or in gibibytes from ten of them on: nobody needs more digits.
    private func size(_ bytes: UInt64) -> String {
        bytes >= 10 << 30 ? "\(bytes >> 30)G" : "\(bytes >> 20)M"
    }
}
