import GuestMemory
import Virtio

/// Why a guest does not have as much memory plugged as is requested, as far as its host can know or guess.
public struct ResizeDiagnosis: Sendable, Equatable {
    /// What may hold a resize up.
    public enum Cause: Sendable, Equatable {
        /// The guest's vCPUs are stopped.
        case paused
        /// No driver has touched the device since the guest started, or the last one has let it go.
        case noDriver
        /// A driver has begun with the device, and not finished.
        case driverStarting
        /// The driver does not promise to leave unplugged memory alone.
        case wouldReadUnpluggedMemory
        /// The driver chose features that the device does not have, or not those that it needs.
        case featuresRefused(UInt64)
        /// The driver gave up.
        case driverFailed
        /// The driver broke a rule of its queue.
        case needsReset(VirtqueueError)
        /// The driver's request was wrong, and it does nothing more after that.
        case requestWasWrong(VirtioMemRequest)
        /// The host refuses what the driver asks for.
        case hostRefuses(ElasticRegionError)
        /// Something was plugged or unplugged within the last second, or the size was set.
        case underWay
        /// The driver asks for more than is requested.
        case asksForTooMuch
        /// Linux uses whole memory blocks of its own, and the region has a piece behind the last one.
        case unusableRest(UInt64)
        /// The guest adds memory, and gives it back.
        case addingFails(needed: UInt64)
        /// The driver waits for memory that it has added to be brought online.
        case notOnline
        /// The guest lacks memory to describe the new memory.
        case noMemoryToGrow(needed: UInt64)
        /// What is plugged is in use.
        case memoryInUse
        /// The kernel writes zeroes to all that it gives back.
        case zeroing
        /// Single blocks instead of whole memory blocks of Linux are given back.
        case smallSteps
    }

    public let situation: ResizeSituation
    /// The causes that fit, the likeliest first; none where the guest has what is requested, and its driver could follow
    /// another request.
    public let causes: [Cause]

    /// The size and alignment of Linux's own memory block, but on guests with very much memory.
    static let linuxBlock: UInt64 = 128 << 20
    /// Linux's driver stops where so much that it has added is not online.
    static let mostOffline: UInt64 = 1 << 30
    /// Linux needs 64 bytes for each page of 4 KiB.
    static let bytesPerByteDescribed: UInt64 = 64

    public init(of situation: ResizeSituation) {
        self.situation = situation
        let trouble = Self.trouble(with: situation)
        guard situation.pluggedSize != situation.requestedSize else {
            // A driver that has nothing to do need not be there.
            causes = trouble.map { [.noDriver, .driverStarting].contains($0) ? [] : [$0] } ?? []
            return
        }
        if situation.isPaused {
            causes = [.paused]
        } else if let trouble {
            causes = [trouble]
        } else if let request = situation.activity.lastWrong {
            causes = [.requestWasWrong(request)]
        } else if let refusal = situation.refusal {
            causes = [.hostRefuses(refusal)]
        } else if situation.timeWithoutProgress < 1_000 {
            causes = [.underWay]
        } else if situation.pluggedSize < situation.requestedSize {
            causes = Self.whyNotGrowing(situation)
        } else {
            causes = Self.whyNotShrinking(situation)
        }
    }

    private static func trouble(with situation: ResizeSituation) -> Cause? {
        switch situation.driver {
        case .absent: .noDriver
        case .starting: .driverStarting
        case .refused(let features):
            // The device would have worked with it, had the host done what that takes.
            if let refusal = situation.refusal {
                .hostRefuses(refusal)
            } else {
                refusal(of: features)
            }
        case .failed: .driverFailed
        case .needsReset(let error): .needsReset(error)
        case .running: nil
        }
    }

    private static func refusal(of features: UInt64) -> Cause {
        features & VirtioMemFeature.unpluggedInaccessible == 0 && features & VirtioFeature.version1 != 0
            ? .wouldReadUnpluggedMemory : .featuresRefused(features)
    }

    private static func whyNotGrowing(_ situation: ResizeSituation) -> [Cause] {
        let missing = situation.requestedSize - situation.pluggedSize
        let needed = missing / bytesPerByteDescribed
        let rest = situation.regionSize % linuxBlock
        if rest > 0, situation.pluggedSize == situation.regionSize - rest {
            return [.unusableRest(rest)]
        }
        if situation.activity.plug.rejected > 0, situation.activity.plug.acknowledged == 0 {
            return [.asksForTooMuch]
        }
        if situation.activity.unplug.acknowledged > 0 {
            return [.addingFails(needed: needed)]
        }
        // As long as less is added than it takes, the driver does not wait for it to be online.
        return situation.pluggedSize >= mostOffline
            ? [.notOnline, .noMemoryToGrow(needed: needed)] : [.noMemoryToGrow(needed: needed)]
    }

    private static func whyNotShrinking(_ situation: ResizeSituation) -> [Cause] {
        var causes: [Cause] = [.memoryInUse]
        if situation.activity.unplug.acknowledged > 0 {
            if situation.requestedSize % linuxBlock != 0 { causes.append(.smallSteps) }
            // A driver that was reminded in vain is not slow.
            if situation.reminders < 4 { causes.append(.zeroing) }
        }
        return causes
    }
}
