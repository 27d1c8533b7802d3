import JSON
import Machine
import QMPProtocol
import VirtioMem

extension QMPEvent {
    /// What clients are told of what a machine tells; nil for what is none of their business.
    ///
    /// - Parameters:
    ///   - endedByClient: whether a `quit` ended the machine, where `stop()` did.
    ///   - time: microseconds since 1970.
    public init?(_ event: MachineEvent, endedByClient: Bool, time: UInt64) {
        switch event {
        case .resumed: self.init("RESUME", time: time)
        case .paused: self.init("STOP", time: time)
        case .powerButtonPressed: self.init("POWERDOWN", time: time)
        case .reset(let byGuest):
            self.init(
                "RESET",
                data: [
                    "guest": .boolean(byGuest), "reason": byGuest ? "guest-reset" : "host-qmp-system-reset",
                ], time: time)
        case .ended(let end):
            let (reason, isByGuest) = end.shutdownCause(endedByClient: endedByClient)
            self.init("SHUTDOWN", data: ["guest": .boolean(isByGuest), "reason": .string(reason)], time: time)
        case .memoryDeviceSizeChanged(let id, let size):
            self.init(
                "MEMORY_DEVICE_SIZE_CHANGE",
                data: ["id": .string(id), "size": .number(size), "qom-path": Self.path(id)], time: time)
        case .balloonChanged(let balloon):
            self.init("BALLOON_CHANGE", data: ["actual": .number(balloon.remaining)], time: time)
        case .violation(let violation):
            self.init("X_SWIFTLET_MEMORY_VIOLATION", data: violation.json, time: time)
        case .resizeStalled(let id, let diagnosis):
            self.init("X_SWIFTLET_RESIZE_STALLED", data: diagnosis.json(device: id), time: time)
        case .hostMemoryError(let region, let address):
            self.init(
                "X_SWIFTLET_HOST_MEMORY_ERROR", data: ["region": .string(region), "address": .number(address)],
                time: time)
        case .memoryUnavailable(let text):
            self.init("X_SWIFTLET_MEMORY_UNAVAILABLE", data: ["description": .string(text)], time: time)
        case .guestFailed(let text):
            self.init("X_SWIFTLET_GUEST_FAILED", data: ["description": .string(text)], time: time)
        case .memoryDeviceSizeRequested, .warning: return nil
        }
    }

    fileprivate static func path(_ id: String) -> JSONValue { .string("/machine/peripheral/\(id)") }
}

extension MachineEnd {
    /// QEMU's word for it (ShutdownCause), and whether it was the guest's doing.
    fileprivate func shutdownCause(endedByClient: Bool) -> (reason: String, isByGuest: Bool) {
        switch self {
        case .powerOff: ("guest-shutdown", true)
        case .reboot: ("guest-reset", true)
        case .stopped: (endedByClient ? "host-qmp-quit" : "host-signal", false)
        case .violation: ("guest-panic", true)
        case .failed: ("host-error", false)
        }
    }
}

extension MemoryViolation {
    fileprivate var json: JSONValue {
        let (kind, address, size): (JSONValue, UInt64, UInt64) =
            switch access {
            case .read(let address, let size): ("read", address, UInt64(size))
            case .write(let address, let size): ("write", address, UInt64(size))
            case .execute(let address): ("execute", address, 0)
            case .unknown(let slot): ("unknown", slot.lowerBound, slot.upperBound - slot.lowerBound)
            }
        return [
            "id": .string(device), "qom-path": QMPEvent.path(device), "cpu-index": .number(vcpu),
            "access": kind, "address": .number(address), "size": .number(size),
            "instruction-pointer": .number(instructionPointer), "behind": .boolean(isBehind),
            "description": .string(description),
        ]
    }
}

extension ResizeDiagnosis {
    fileprivate func json(device id: String) -> JSONValue {
        [
            "id": .string(id), "qom-path": QMPEvent.path(id), "requested-size": .number(situation.requestedSize),
            "size": .number(situation.pluggedSize),
            "findings": .array(
                findings.map { finding in
                    [
                        "statement": .string(finding.statement), "certain": .boolean(finding.isCertain),
                        "next-step": .string(finding.nextStep),
                    ]
                }),
        ]
    }
}
