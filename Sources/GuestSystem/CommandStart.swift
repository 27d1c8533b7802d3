import CGuest
import Glibc
import Host
import SystemPackage

/// What it takes to start a command.
public struct CommandStart {
    /// Who a command runs as.
    public struct Identity: Sendable, Equatable {
        public var user: UInt32
        public var group: UInt32
        public var groups: [UInt32]

        public init(user: UInt32, group: UInt32, groups: [UInt32]) {
            self.user = user
            self.group = group
            self.groups = groups
        }
    }

    /// What a command reads and writes.
    public enum Streams {
        /// The master of its terminal.
        case terminal(FileDescriptor)
        case separate(input: FileDescriptor, output: FileDescriptor, errors: FileDescriptor)
    }

    /// Why it did not start, as the process that should have been it says.
    public struct Failure: Error, Sendable, Equatable {
        public enum Stage: Int32, Sendable {
            case terminal = 1
            case user = 2
            case directory = 3
            case program = 4
        }

        public let stage: Stage
        public let errno: Errno

        /// - Parameter bytes: what came through the report; nil for anything else.
        public init?(_ bytes: [UInt8]) {
            guard bytes.count == MemoryLayout<cg_start_failure>.size else { return nil }
            let failure = unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: cg_start_failure.self) }
            guard let stage = Stage(rawValue: failure.stage) else { return nil }
            self.stage = stage
            errno = Errno(rawValue: failure.error)
        }
    }

    /// Paths of the program, the next one for where there is none.
    public var candidates: [String]
    public var arguments: [String]
    public var environment: [String]
    public var directory: String
    /// nil for the agent's own.
    public var identity: Identity?
    public var streams: Streams

    public init(
        candidates: [String], arguments: [String], environment: [String], directory: String, identity: Identity?,
        streams: Streams
    ) {
        self.candidates = candidates
        self.arguments = arguments
        self.environment = environment
        self.directory = directory
        self.identity = identity
        self.streams = streams
    }

    /// Starts it, in a session of its own.
    ///
    /// - Parameters:
    ///   - limits: those that the agent has changed for itself.
    ///   - report: the writing end of a pipe. The command's start closes its copy; a `Failure` comes through it otherwise.
    /// - Returns: the number of the process.
    /// - Throws: `SystemCallError` where there can be no further process.
    public func start(limits: AgentLimits, report: FileDescriptor) throws(SystemCallError) -> Int32 {
        var command = unsafe cg_command()
        unsafe command.changes_user = identity != nil
        unsafe command.user = identity?.user ?? 0
        unsafe command.group = identity?.group ?? 0
        switch streams {
        case .terminal(let master): unsafe command.terminal = master.rawValue
        case .separate(let input, let output, let errors):
            unsafe command.terminal = -1
            unsafe (command.input, command.output, command.errors) = (input.rawValue, output.rawValue, errors.rawValue)
        }
        unsafe limits.restore(in: &command)
        unsafe command.report = report.rawValue
        let groups = identity?.groups ?? []
        unsafe command.group_count = groups.count
        let result = unsafe withVector(candidates) { candidates in
            unsafe withVector(arguments) { arguments in
                unsafe withVector(environment) { environment in
                    unsafe directory.withCString { directory in
                        unsafe groups.withUnsafeBufferPointer { groups in
                            unsafe command.candidates = candidates
                            unsafe command.arguments = arguments
                            unsafe command.environment = environment
                            unsafe command.directory = directory
                            unsafe command.groups = groups.baseAddress
                            return unsafe cg_start(&command)
                        }
                    }
                }
            }
        }
        guard result > 0 else { throw SystemCallError("fork", Errno(rawValue: -result)) }
        return result
    }
}

/// Calls a function with texts as C takes them: an array of C strings that ends with a null pointer.
private func withVector<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    let vector = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
    for (index, text) in texts.enumerated() {
        unsafe (vector + index).initialize(to: strdup(text))
    }
    unsafe (vector + texts.count).initialize(to: nil)
    defer {
        for index in texts.indices {
            unsafe free(vector[index])
        }
        unsafe vector.deallocate()
    }
    return unsafe body(vector)
}
