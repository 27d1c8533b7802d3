import AgentProtocol
import Host
import SystemPackage

/// Onlines memory that the kernel has been given.
enum MemoryOnlining {
    /// - Throws: `AgentFailure` where the kernel can't hotplug memory at all.
    static func perform(_ request: OnlineRequest) throws(AgentFailure) -> OnlineReport {
        if request.staysSo {
            do throws(SystemCallError) {
                try write(request.policy.word, LinuxMemoryBlock.directory.appending("auto_online_blocks"))
            } catch {
                throw AgentFailure(.refused, "auto_online_blocks: \(error.errno)")
            }
        }
        var report = OnlineReport(onlined: 0, refused: 0, reason: "")
        for block in LinuxMemoryBlock.all() where block.state == "offline" {
            guard request.node == nil || request.node == block.node else { continue }
            do throws(SystemCallError) {
                try write(request.policy.word, block.path.appending("state"))
                report.onlined += 1
            } catch {
                report.refused += 1
                if report.reason.isEmpty { report.reason = "memory\(block.number): \(error.errno)" }
            }
        }
        return report
    }

    private static func write(_ word: String, _ path: FilePath) throws(SystemCallError) {
        let file = try OwnedFileDescriptor(opening: path, .writeOnly)
        try file.descriptor.write(all: Array(word.utf8)[...])
    }
}
