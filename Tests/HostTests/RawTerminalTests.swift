import CLinux
import Glibc
import Host
import SystemPackage
import Testing

/// Whether the signal of a test arrived.
private let isHandled = Counter()

/// A process that has a terminal in raw mode ends in one way or another: the terminal is as it was before.
@Suite struct RawTerminalTests {
    /// In a child process: makes a terminal raw.
    @discardableResult fileprivate static func enter(_ path: String) throws -> FileDescriptor {
        let descriptor = try FileDescriptor.open(FilePath(path), .readWrite, options: .init(rawValue: O_NOCTTY))
        #expect(CookedTerminal.isCooked(descriptor))
        try RawTerminal.enter(descriptor)
        #expect(CookedTerminal.isRaw(descriptor))
        return descriptor
    }

    /// In a child process: accesses memory that can't be accessed.
    fileprivate static func fault() throws {
        let memory = try MemoryMapping(anonymous: hostPageSize, protection: .inaccessible)
        memory.base.storeBytes(of: 1, as: UInt8.self)
    }

    @Test func theFormerModeComesBackOnRequest() async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .success) { [path = terminal.path as String] in
            let descriptor = try RawTerminalTests.enter(path)
            RawTerminal.restore()
            #expect(CookedTerminal.isCooked(descriptor))
            RawTerminal.restore()
            // As after a stop and SIGCONT.
            try RawTerminal.enter(descriptor)
            try RawTerminal.enter(descriptor)
            #expect(CookedTerminal.isRaw(descriptor))
            RawTerminal.restore()
            #expect(CookedTerminal.isCooked(descriptor))
        }
        #expect(terminal.isCooked)
    }

    @Test func itComesBackWhenTheProcessExits() async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .exitCode(3)) { [path = terminal.path as String] in
            try RawTerminalTests.enter(path)
            exit(3)
        }
        #expect(terminal.isCooked)
    }

    @Test(arguments: [SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGALRM, SIGABRT, SIGXCPU])
    func itComesBackWhenASignalKillsTheProcess(signal: CInt) async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .signal(signal)) { [path = terminal.path as String, signal = signal as CInt] in
            try RawTerminalTests.enter(path)
            kill(getpid(), signal)
            sleep(5)
        }
        #expect(terminal.isCooked)
    }

    @Test func itComesBackAfterATrap() async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .failure) { [path = terminal.path as String] in
            try RawTerminalTests.enter(path)
            fatalError("a trap")
        }
        #expect(terminal.isCooked)
    }

    // MARK: Beside the handlers of faults

    @Test(arguments: [true, false])
    func itComesBackAfterAFaultWhicheverHandlerIsFirst(terminalFirst: Bool) async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .signal(SIGSEGV)) {
            [path = terminal.path as String, terminalFirst = terminalFirst as Bool] in
            if terminalFirst { try RawTerminalTests.enter(path) }
            #expect(cl_install_fault_handlers() == 0)
            if !terminalFirst { try RawTerminalTests.enter(path) }
            try RawTerminalTests.fault()
        }
        #expect(terminal.isCooked)
    }

    /// Guest memory that is gone is no reason to give the terminal back.
    @Test(arguments: [true, false])
    func aFaultThatIsNoneLeavesItRaw(terminalFirst: Bool) async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .success) {
            [path = terminal.path as String, terminalFirst = terminalFirst as Bool] in
            if terminalFirst { try RawTerminalTests.enter(path) }
            #expect(cl_install_fault_handlers() == 0)
            if !terminalFirst { try RawTerminalTests.enter(path) }
            let memory = try MemoryMapping(anonymous: hostPageSize, protection: .inaccessible)
            #expect(throws: SystemCallError.self) { try memory.touch(0) }
            let descriptor = try FileDescriptor.open(FilePath(path), .readWrite, options: .init(rawValue: O_NOCTTY))
            #expect(CookedTerminal.isRaw(descriptor))
        }
        #expect(terminal.isCooked)
    }

    /// Such as those by which Swift prints a backtrace.
    @Test func itComesBackBeforeSomebodyElsesFaultHandler() async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .exitCode(9)) { [path = terminal.path as String] in
            for signal in [SIGSEGV, SIGILL, SIGTRAP, SIGABRT] { Glibc.signal(signal) { _ in _exit(9) } }
            try RawTerminalTests.enter(path)
            try RawTerminalTests.fault()
        }
        #expect(terminal.isCooked)
    }

    @Test func aSignalThatSomebodyElseHandlesIsTheirs() async throws {
        let terminal = try CookedTerminal()
        await #expect(processExitsWith: .success) { [path = terminal.path as String] in
            signal(SIGUSR1) { _ in isHandled.set(1) }
            let descriptor = try RawTerminalTests.enter(path)
            kill(getpid(), SIGUSR1)
            while isHandled.value == 0 { usleep(1000) }
            #expect(CookedTerminal.isRaw(descriptor))
        }
        #expect(terminal.isCooked)
    }

    // MARK: What is no terminal

    @Test func onlyTerminalsAreTerminals() throws {
        let terminal = try CookedTerminal()
        #expect(RawTerminal.isTerminal(terminal.descriptor.descriptor))
        let file = try OwnedFileDescriptor(opening: "/dev/null", .readOnly)
        #expect(!RawTerminal.isTerminal(file.descriptor))
        #expect(throws: SystemCallError("tcsetattr", .init(rawValue: ENOTTY))) {
            try RawTerminal.enter(file.descriptor)
        }
    }
}
