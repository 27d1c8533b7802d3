/// How a guest ends.
public enum ShutdownAction: UInt8, Sendable, CaseIterable {
    case powerOff = 1
    case reboot = 2
    case halt = 3
}
