import Control
import Glibc
import Host
import RunDirectory
import SystemPackage

/// A run of `swiftlet top`: asks the machines, draws, and does what keys and signals say.
final class TopSession {
    private struct Watched {
        let watch: MachineWatch
        var trace: MachineTrace
    }

    private let loop: EventLoop
    private let signals: SignalDescriptor
    private let terminal: TerminalScreen
    private var screen: TopScreen
    private var keys = TopKeyParser()
    private var machines: [Watched] = []
    /// The signal that ends the session.
    private var end: CInt?

    /// Milliseconds between two looks, and between a question and the drawing of what is answered by then.
    private static let interval: UInt64 = 1_000
    private static let delay: UInt64 = 200

    init() throws {
        let loop = try EventLoop()
        self.loop = loop
        signals = try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])
        terminal = try TerminalScreen(loop) { loop.stop() }
        let size = TerminalSize(of: .standardOutput)
        screen = TopScreen(columns: size.columns, rows: size.rows, isUTF8: TerminalLocale.isUTF8)
    }

    /// Runs until it is told to end; by a signal, the process ends by that.
    func run() throws {
        _ = try loop.add(signals.descriptor, .readable) { [unowned self] _ in receiveSignals() }
        _ = try loop.add(.standardInput, .readable) { [unowned self] _ in receiveKeys() }
        try terminal.enter()
        defer { terminal.leave() }
        tick()
        try loop.run()
        terminal.leave()
        if let end { takeDefaultAction(of: end) }
    }

    // MARK: Machines

    private func tick() {
        loop.schedule(afterMilliseconds: Self.interval) { [unowned self] in tick() }
        machines = RunDirectory.all().compactMap { directory in
            guard let process = directory.process else { return nil }
            return machines.first { $0.watch.directory.path == directory.path && $0.watch.process == process }
                ?? Watched(
                    watch: MachineWatch(directory, process: process, loop: loop),
                    trace: MachineTrace(name: directory.name))
        }
        machines.forEach { $0.watch.ask() }
        loop.schedule(afterMilliseconds: Self.delay) { [unowned self] in
            noteAnswers()
            draw()
        }
    }

    private func noteAnswers() {
        for index in machines.indices {
            let watch = machines[index].watch
            machines[index].trace.note(watch.look, resident: ResidentMemory.size(of: watch.process))
        }
    }

    private func draw() {
        terminal.show(screen.lines(of: machines.map(\.trace)), highlighted: TopScreen.headingRow)
    }

    // MARK: The terminal

    private func receiveSignals() {
        while let signal = signals.next() {
            switch signal {
            case SIGWINCH: resize()
            case SIGCONT: resume()
            case SIGTSTP:
                terminal.leave()
                takeDefaultAction(of: SIGTSTP)
                resume()
            default:
                end = signal
                loop.stop()
            }
        }
    }

    private func resume() {
        do {
            try terminal.enter()
            resize()
        } catch {
            loop.stop()
        }
    }

    private func resize() {
        let size = TerminalSize(of: .standardOutput)
        (screen.columns, screen.rows) = (size.columns, size.rows)
        terminal.forget()
        draw()
    }

    private func receiveKeys() {
        switch try? ByteStream.read(.standardInput) {
        case .bytes(let bytes): keys.parse(bytes).forEach(perform)
        case .wouldBlock: break
        case .end, nil: loop.stop()
        }
    }

    private func perform(_ key: TopKey) {
        switch key {
        case .quit: return loop.stop()
        // Of the whole job, as a terminal does that is not read key by key.
        case .interrupt: kill(0, SIGINT)
        case .abort: kill(0, SIGQUIT)
        case .suspend: kill(0, SIGTSTP)
        case .redraw: terminal.forget()
        case .toggleDevices: screen.toggleDevices()
        case .scroll(let scroll): screen.perform(scroll)
        }
        draw()
    }
}
