import GuestMemory

/// The diagnosis in words, for whoever set the size: what holds it up, and what to do about that.
extension ResizeDiagnosis {
    /// One cause in words.
    public struct Finding: Sendable, Equatable {
        /// What holds the resize up.
        public let statement: String
        /// Whether that is known; else it is a guess that fits.
        public let isCertain: Bool
        /// What to do about it.
        public let nextStep: String

        /// The statement, marked where it is a guess.
        public var text: String { isCertain ? statement : "probably " + statement }
    }

    /// The causes in words, the likeliest first.
    public var findings: [Finding] {
        causes.map { cause in
            Finding(statement: statement(of: cause), isCertain: cause.isCertain, nextStep: nextStep(after: cause))
        }
    }

    /// How far the resize is: `128M of 1G are plugged`.
    public var progress: String {
        let (plugged, requested) = (sizeText(situation.pluggedSize), sizeText(situation.requestedSize))
        return situation.pluggedSize < situation.requestedSize
            ? "\(plugged) of \(requested) are plugged" : "\(plugged) are plugged where \(requested) are requested"
    }

    /// All of it in one paragraph; empty where there is nothing to explain.
    public var explanation: String {
        guard !causes.isEmpty else { return "" }
        let seconds = situation.timeWithoutProgress / 1_000
        let parts = findings.map { "\($0.text); \($0.nextStep)" }
        return "\(progress), and nothing has moved for \(seconds) s: " + parts.joined(separator: ". Or ")
    }

    private func statement(of cause: Cause) -> String {
        switch cause {
        case .paused: "the guest is paused"
        case .noDriver: "no driver in the guest uses the device: it still boots, or has not loaded virtio_mem"
        case .driverStarting: "a driver in the guest has begun with the device, and not finished"
        case .wouldReadUnpluggedMemory:
            "the guest's driver is refused, since it does not promise to leave unplugged memory alone: Linux before 5.16 "
                + "does not"
        case .featuresRefused(let features):
            "the guest's driver chose features that the device does not work with (0x\(String(features, radix: 16)))"
        case .driverFailed: "the guest's driver gave up on the device"
        case .needsReset(let error): "the guest's driver broke a rule, and its device needs a reset: \(error)"
        case .requestWasWrong(let request):
            "the guest's driver sent a wrong request (\(request.text)), and Linux's does nothing more after that"
        case .hostRefuses(let error): "the host refuses what the guest's driver asks for: \(error)"
        case .underWay: "the guest's driver is at work"
        case .asksForTooMuch: "the guest's driver asks for more than is requested, and is refused"
        case .unusableRest(let rest):
            "Linux can't use the last \(sizeText(rest)) of the device, which are no whole memory block of its own"
        case .addingFails(let needed):
            "the guest can't add memory and gives it back: that takes about 1/64 of it, \(sizeText(needed)) for what "
                + "is missing, of free memory"
        case .notOnline:
            "the guest has added memory that it has not brought online, and Linux's driver waits at "
                + "\(sizeText(Self.mostOffline)), or two memory blocks, of it"
        case .noMemoryToGrow(let needed):
            "the guest has not enough free memory to describe what is missing, which takes about 1/64 of it, "
                + sizeText(needed)
        case .memoryInUse: "the guest uses what is still plugged (\(rangesText))"
        case .zeroing: "the guest's kernel writes zeroes to what it gives back (init_on_alloc=1, as Debian's), slowly"
        case .smallSteps:
            "the guest gives back single blocks, since \(sizeText(situation.requestedSize)) is no multiple of "
                + sizeText(Self.linuxBlock)
        }
    }

    private func nextStep(after cause: Cause) -> String {
        switch cause {
        case .paused: "'cont' lets it go on"
        case .noDriver:
            "in the guest 'modprobe virtio_mem' and 'dmesg | grep virtio'; its kernel needs CONFIG_VIRTIO_MEM and "
                + "CONFIG_VIRTIO_MMIO"
        case .driverStarting, .featuresRefused: "'dmesg | grep virtio' in the guest says more"
        case .wouldReadUnpluggedMemory: "use a newer kernel, or start with --virtio-mem ...,unplugged-inaccessible=auto"
        case .driverFailed, .requestWasWrong:
            "'dmesg | grep virtio_mem' in the guest says more; 'system_reset' starts anew"
        case .needsReset: "unbind the driver in the guest and bind it again, or 'system_reset'"
        case .hostRefuses(let error): Self.remedy(for: error) + "; the driver is made to try again"
        case .underWay: "wait"
        case .asksForTooMuch: "'system_reset', or another driver"
        case .unusableRest: "make size= a multiple of \(sizeText(Self.linuxBlock))"
        case .addingFails, .noMemoryToGrow:
            "free memory in the guest, grow it in smaller steps, or give it more with --memory; 'dmesg' there may "
                + "say more"
        case .notOnline:
            "in the guest 'echo online_movable > /sys/devices/system/memory/auto_online_blocks' for what comes, and "
                + "the same into 'memory*/state' there for what is there; or boot with "
                + "memhp_default_state=online_movable"
        case .memoryInUse:
            "end what uses memory in the guest: "
                + (situation.isReminded
                    ? "the rest follows then. " : "the rest follows when the size is set again (retry-interval=0). ")
                + "Memory of the kernel itself does not move: memhp_default_state=online_movable keeps it elsewhere"
        case .zeroing: "boot with init_on_alloc=0"
        case .smallSteps: "request a multiple of \(sizeText(Self.linuxBlock))"
        }
    }

    private static func remedy(for error: ElasticRegionError) -> String {
        switch error {
        case .tooFragmented: "raise vm.max_map_count on the host, or use larger blocks with block-size="
        case .slot(.exhausted): "use fewer memory devices, or larger slots with slot-size="
        default: "free memory on the host or raise its limits, which 'swiftlet doctor' shows"
        }
    }

    /// The first of the ranges that are plugged.
    private var rangesText: String {
        let shown = situation.pluggedRanges.prefix(3).map { range in
            "0x\(String(range.lowerBound, radix: 16))-0x\(String(range.upperBound - 1, radix: 16))"
        }
        let rest = situation.pluggedRanges.count - shown.count
        return shown.joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
    }
}

extension ResizeDiagnosis.Cause {
    /// Whether the host knows it; else it guesses, from what Linux's driver is known to do.
    fileprivate var isCertain: Bool {
        switch self {
        case .paused, .noDriver, .driverStarting, .wouldReadUnpluggedMemory, .featuresRefused, .driverFailed,
            .needsReset, .requestWasWrong, .hostRefuses, .underWay, .asksForTooMuch:
            true
        case .unusableRest, .addingFails, .notOnline, .noMemoryToGrow, .memoryInUse, .zeroing, .smallSteps: false
        }
    }
}

/// A size as options have it: in the largest unit that it is a whole number of.
func sizeText(_ bytes: UInt64) -> String {
    for (shift, unit) in [(40, "T"), (30, "G"), (20, "M"), (10, "K")] as [(UInt64, String)]
    where bytes > 0 && bytes % (1 << shift) == 0 {
        return "\(bytes >> shift)\(unit)"
    }
    return "\(bytes)"
}
