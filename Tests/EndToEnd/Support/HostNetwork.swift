import Foundation
import Testing

/// A bridge of the host with taps for guests, and a network namespace behind it. All of it is gone when this value is.
final class HostNetwork {
    /// The namespace's address, and one for a guest.
    static let peer = "10.9.0.1"
    static let guest = "10.9.0.2"

    private let name: String
    private let taps: [String]

    /// - Parameter queues: whether taps can have several.
    init(taps: [String] = ["tap0"], multipleQueues: Bool = false) throws {
        name = "swiftlet-\(getpid())"
        self.taps = taps
        try run("ip netns add \(name)")
        try run("ip link add br0 type bridge && ip link set br0 up")
        try run("ip link add veth0 type veth peer name veth1 netns \(name)")
        try run("ip link set veth0 master br0 up")
        try run("ip -n \(name) addr add \(Self.peer)/24 dev veth1 && ip -n \(name) link set veth1 up")
        try run("ip -n \(name) link set lo up")
        for tap in taps {
            try run("ip tuntap add dev \(tap) mode tap \(multipleQueues ? "multi_queue" : "")")
            try run("ip link set \(tap) master br0 up")
        }
    }

    deinit {
        let names = (taps + ["veth0", "br0"]).map { "ip link del \($0)" }
        _ = try? Shell.run((names + ["ip netns del \(name)"]).joined(separator: " 2>/dev/null; "))
    }

    @discardableResult
    func run(_ command: String) throws -> String {
        let (text, status) = try Shell.run(command)
        guard status == 0 else { throw TestFailure("'\(command)' failed on the host: \(text)") }
        return text
    }

    /// Runs a command in the namespace.
    @discardableResult
    func runBehind(_ command: String) throws -> String {
        try run("ip netns exec \(name) \(command)")
    }

    /// Starts a program in the namespace, which ends with the value that is returned.
    func start(_ arguments: [String]) throws -> ChildProcess {
        let null = open("/dev/null", O_RDWR)
        defer { close(null) }
        return try ChildProcess(["ip", "netns", "exec", name] + arguments, streams: (null, null, null))
    }
}
