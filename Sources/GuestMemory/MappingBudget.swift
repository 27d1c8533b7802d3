import Host
import Synchronization
import SystemPackage

/// How many mappings the elastic regions of a process may take up together.
///
/// Each run of plugged blocks is a mapping of its own, and so is each gap. The host allows a process so many
/// (`vm.max_map_count`), and one that has used them up can neither start a thread nor allocate: a guest that plugs
/// every other block must be refused before that.
public final class MappingBudget: Sendable {
    private let limit: Int
    private let used = Atomic<Int>(0)

    public init(limit: Int) {
        self.limit = limit
    }

    /// The budget that this host allows.
    public convenience init() {
        let maximum =
            KernelText.number("/proc/sys/vm/max_map_count").flatMap { Int(exactly: $0) } ?? MappingLimit.usual
        self.init(limit: MappingLimit.forGuestMemory(of: maximum))
    }

    /// Takes mappings from the budget; false where there are not so many left.
    func take(_ count: Int) -> Bool {
        guard used.add(count, ordering: .relaxed).newValue <= limit else {
            giveBack(count)
            return false
        }
        return true
    }

    func giveBack(_ count: Int) {
        used.subtract(count, ordering: .relaxed)
    }
}
