import JSON

/// The version that a server tells: QMP has a field for QEMU's, and one for who is meant.
public struct QMPVersion: Sendable, Equatable {
    /// The version of QEMU whose commands these are.
    public let dialect: (major: Int64, minor: Int64, micro: Int64)
    public let package: String

    /// Swiftlet's own version.
    public static let swiftlet = "0.1.0"

    /// What this server speaks.
    public static let current = QMPVersion(dialect: (7, 2, 0), package: "Swiftlet \(swiftlet)")

    init(dialect: (major: Int64, minor: Int64, micro: Int64), package: String) {
        self.dialect = dialect
        self.package = package
    }

    public static func == (left: QMPVersion, right: QMPVersion) -> Bool {
        left.dialect == right.dialect && left.package == right.package
    }

    public var json: JSONValue {
        [
            "qemu": [
                "micro": .number(dialect.micro), "minor": .number(dialect.minor), "major": .number(dialect.major),
            ],
            "package": .string(package),
        ]
    }

    /// What a client is greeted with: the version, and that none of the optional capabilities is to be had.
    public var greeting: JSONValue {
        ["QMP": ["version": json, "capabilities": []]]
    }
}
