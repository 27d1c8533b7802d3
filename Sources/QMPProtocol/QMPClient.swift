import Glibc
import Host
import JSON
import SystemPackage

/// A connection to a server of QMP: commands one after the other, and the events that come meanwhile. For tools, which
/// may wait; it belongs to one thread.
public final class QMPClient {
    /// Why there is no answer.
    public enum Failure: Error, CustomStringConvertible {
        /// The server said so.
        case refused(QMPError)
        /// Nobody is there, or nobody any more.
        case gone
        /// Nothing came in time, in milliseconds.
        case silent(UInt64)
        /// What came is no QMP.
        case garbled(String)
        case host(SystemCallError)

        public var description: String {
            switch self {
            case .refused(let error): error.description
            case .gone: "the machine has ended"
            case .silent(let time): "the machine does not answer within \(time / 1_000) s"
            case .garbled(let text): "the machine's answer is no QMP: \(text)"
            case .host(let error): "\(error)"
            }
        }
    }

    private let socket: OwnedFileDescriptor
    private var stream = JSONStream(maximumLength: 1 << 24)
    private var values: [JSONValue] = []
    private var events: [QMPEvent] = []
    private let patience: UInt64

    /// Connects and negotiates.
    ///
    /// - Parameter patience: milliseconds that an answer may take.
    /// - Throws: `Failure`.
    public init(at path: FilePath, patience: UInt64 = 10_000) throws(Failure) {
        self.patience = patience
        do throws(SystemCallError) {
            socket = try UnixSocket.connect(to: path)
        } catch {
            throw [.noSuchFileOrDirectory, .connectionRefused].contains(error.errno) ? .gone : .host(error)
        }
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: patience)
        guard try next(until: deadline)?["QMP"] != nil else { throw .silent(patience) }
        _ = try execute("qmp_capabilities")
    }

    /// Has the server do something, and waits for its answer.
    ///
    /// - Throws: `Failure`.
    @discardableResult public func execute(
        _ command: String, _ arguments: [JSONValue.Member] = []
    ) throws(Failure) -> JSONValue {
        try send(QMPRequest(command, arguments).json.text + [0x0A])
        let deadline = MonotonicInstant.now().advanced(byMilliseconds: patience)
        while let value = try next(until: deadline) {
            if let event = QMPEvent(value) {
                events.append(event)
            } else if let result = value["return"] {
                return result
            } else if let error = value["error"] {
                throw .refused(QMPError(error))
            }
        }
        throw .silent(patience)
    }

    /// A machine that has ended is no reason to end, too, as SIGPIPE would be.
    private func send(_ bytes: [UInt8]) throws(Failure) {
        var left = bytes[...]
        while !left.isEmpty {
            switch unsafe socket.descriptor.send(left.span.bytes) {
            case -Int(EAGAIN):
                guard ByteStream.waitUntilWritable(socket.descriptor, milliseconds: patience) else {
                    throw .silent(patience)
                }
            case let count where count > 0: left.removeFirst(count)
            default: throw .gone
            }
        }
    }

    /// The next event; nil where none comes in time.
    ///
    /// - Parameter deadline: nil to wait for ever.
    /// - Throws: `Failure`.
    public func nextEvent(until deadline: MonotonicInstant?) throws(Failure) -> QMPEvent? {
        if !events.isEmpty { return events.removeFirst() }
        while let value = try next(until: deadline) {
            if let event = QMPEvent(value) { return event }
        }
        return nil
    }

    private func next(until deadline: MonotonicInstant?) throws(Failure) -> JSONValue? {
        while values.isEmpty {
            let time = deadline.map { MonotonicInstant.now().milliseconds(until: $0) }
            guard ByteStream.waitUntilReadable(socket.descriptor, milliseconds: time) else { return nil }
            try read()
        }
        return values.removeFirst()
    }

    private func read() throws(Failure) {
        let result: ByteStream.ReadResult
        do throws(SystemCallError) {
            result = try ByteStream.read(socket.descriptor)
        } catch {
            throw .host(error)
        }
        switch result {
        case .wouldBlock: break
        case .end: throw .gone
        case .bytes(let bytes):
            for result in stream.receive(bytes) {
                switch result {
                case .success(let value): values.append(value)
                case .failure(let error): throw .garbled("\(error)")
                }
            }
        }
    }
}

extension QMPEvent {
    /// Reads what a server tells; nil for what is no event.
    init?(_ value: JSONValue) {
        guard let name = value["event"]?.string, let seconds = value["timestamp"]?["seconds"]?.unsigned,
            let microseconds = value["timestamp"]?["microseconds"]?.unsigned, seconds < 1 << 40, microseconds < 1 << 40
        else { return nil }
        self.init(name, data: value["data"], time: seconds * 1_000_000 + microseconds)
    }
}

extension QMPError {
    /// Reads why a server refuses.
    init(_ value: JSONValue) {
        self.init(
            value["class"]?.string.flatMap(Class.init) ?? .generic, value["desc"]?.string ?? "no reason is given")
    }
}
