import Configuration
import JSON
import Machine
import MachineLog
import QMPProtocol

extension LogEntry {
    /// What a log tells of what a machine tells; nil where that is told otherwise.
    ///
    /// - Parameters:
    ///   - event: as QMP's clients hear of it.
    ///   - machine: what was asked for.
    init?(_ happening: MachineEvent, event: QMPEvent?, machine: MachineConfiguration) {
        guard let (level, message) = Self.text(of: happening, machine: machine) else { return nil }
        self.init(level, message, event: event.map { ($0.name, $0.data) })
    }

    /// What a log tells of a memory device's plugged size.
    ///
    /// - Parameter requested: the device's requested size; reaching it is worth more than what comes on the way.
    init(plugged size: UInt64, requested: UInt64, of id: String) {
        if size == requested {
            self.init(.info, "\(id): \(ByteSize(size)) plugged, as requested")
        } else {
            self.init(.debug, "\(id): \(ByteSize(size)) of \(ByteSize(requested)) plugged")
        }
    }

    private static func text(
        of happening: MachineEvent, machine: MachineConfiguration
    ) -> (level: LogLevel, message: String)? {
        switch happening {
        case .memoryDeviceSizeChanged: nil
        case .memoryDeviceSizeRequested(let id, let size): (.info, "\(id): \(ByteSize(size)) requested")
        case .balloonChanged(let balloon):
            (
                balloon.size == balloon.target ? .info : .debug,
                "balloon: \(ByteSize(balloon.size)) of \(ByteSize(balloon.target))"
            )
        case .resumed: (.info, "the guest runs")
        case .paused: (.info, "the guest is paused")
        case .reset(let byGuest): (.info, byGuest ? "the guest restarted itself" : "the guest is restarted")
        case .powerButtonPressed: (.info, "the power button is pressed")
        case .warning(let text): (.warning, text)
        case .resizeStalled(let id, let diagnosis): (.warning, "\(id): \(diagnosis.explanation)")
        case .hostMemoryError(let region, let address):
            (
                .warning,
                "\(region): the host's memory behind guest address 0x\(String(address, radix: 16)) is broken"
                    + " (a hardware error): what it held is lost"
            )
        case .guestFailed(let reason):
            (
                .error,
                "the guest can't go on, and is paused: \(reason)\n'swiftlet doctor' says what this host can run"
            )
        case .violation(let violation):
            // What ends the process is said when it does.
            consequence(of: violation, machine: machine).map { (.error, "violation: \(violation); \($0)") }
        case .memoryUnavailable(let reason):
            (.error, "the guest is paused, and tries again after 'cont': \(reason)")
        case .ended(let end): text(of: end)
        }
    }

    private static func text(of end: MachineEnd) -> (level: LogLevel, message: String) {
        switch end {
        case .powerOff: (.info, "the guest switched the machine off")
        case .reboot: (.info, "the guest rebooted, which ends the machine")
        case .stopped: (.info, "the machine is ended, on request")
        case .violation(let violation): (.error, "violation: \(violation); the machine ends")
        case .failed(let reason): (.error, reason)
        }
    }

    private static func consequence(of violation: MemoryViolation, machine: MachineConfiguration) -> String? {
        let device = machine.memoryDevices.first { $0.id == violation.device }
        return switch device?.onViolation {
        case .reset: "the machine is reset"
        case .exit: nil
        case .stop, nil: "the guest is paused, and tries again after 'cont'"
        }
    }
}
