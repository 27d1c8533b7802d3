import JSON

/// Why a command failed, as QMP says it (QEMU Machine Protocol Specification, "Error").
public struct QMPError: Error, Sendable, Equatable, CustomStringConvertible {
    /// What kind of failure it is; clients tell them apart by this alone.
    public enum Class: String, Sendable, CaseIterable {
        case generic = "GenericError"
        case commandNotFound = "CommandNotFound"
        case deviceNotActive = "DeviceNotActive"
        case deviceNotFound = "DeviceNotFound"
        case missingCapability = "KVMMissingCap"
    }

    public let errorClass: Class
    /// Words for people.
    public let description: String

    public init(_ description: String) {
        self.init(.generic, description)
    }

    public init(_ errorClass: Class, _ description: String) {
        self.errorClass = errorClass
        self.description = description
    }

    var json: JSONValue {
        ["class": .string(errorClass.rawValue), "desc": .string(description)]
    }
}
