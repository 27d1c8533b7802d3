import Configuration
import Glibc
import Host
import RunDirectory
import SystemPackage

/// A machine that is started in the background: this process waits until it runs, and is gone then.
struct DetachedStart {
    let vmm: VMMProgram
    let directory: RunDirectory

    /// Starts it, and waits until it answers. What it has in the file system is its own from then on.
    ///
    /// - Parameter log: takes what nobody would read.
    /// - Returns: the number of its process.
    /// - Throws: `Refusal` with the reason where it ends instead, or this process is told to end.
    func perform(
        _ request: LaunchRequest, places: RunPlaces, keeping descriptors: [FileDescriptor], log: FileDescriptor
    ) throws -> Int32 {
        let signals = try places.removedUnless { () throws(SystemCallError) in
            try SignalDescriptor([SIGTERM, SIGINT, SIGHUP, SIGQUIT])
        }
        let process = try places.removedUnless { () throws(SystemCallError) in
            try vmm.start(request, keeping: descriptors, log: log)
        }
        // Its descriptors are its own now: where it ends, its sockets have nobody who listens.
        for descriptor in descriptors { try? descriptor.close() }
        guard let connection = try? UnixSocket.connect(to: directory.qmpSocket),
            try isAnswered(connection.descriptor, until: signals.descriptor),
            // The greeting comes when the machine is there, the next answer when its kernel is loaded, too.
            (try? RunningMachine(directory, process: process).execute("query-status")) != nil
        else {
            kill(process, SIGTERM)
            let status = ProcessImage.wait(for: process)
            let log = KernelText.read(directory.logFile) ?? ""
            throw Refusal("\(directory.name) does not run (status \(status))\(log.isEmpty ? "" : "; its log:\n\(log)")")
        }
        return process
    }

    /// Waits for the greeting; false where its process ends instead, or
    /// a signal comes first.
    private func isAnswered(_ connection: FileDescriptor, until signals: FileDescriptor) throws -> Bool {
        let loop = try EventLoop()
        var isAnswered = false
        let greeting = try loop.add(connection, .readable) { _ in
            if case .bytes? = try? ByteStream.read(connection) { isAnswered = true }
            loop.stop()
        }
        let end = try loop.add(signals, .readable) { _ in loop.stop() }
        try loop.run()
        [greeting, end].forEach(loop.remove)
        return isAnswered
    }
}
