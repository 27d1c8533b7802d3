import Configuration
import Control
import Host
import SystemPackage
import YAML

extension RunOptions {
    /// What a file says, and what was given on the command line beside it, which counts.
    ///
    /// - Throws: `ConfigurationError` with the line where the file is wrong, `Refusal` where it can't be read.
    static func reading(_ path: String, beside given: [String]) throws -> RunOptions {
        let text = try contents(path)
        let file: MachineFile
        do {
            file = try MachineFile(parsing: text)
        } catch {
            throw ConfigurationError("--config \(path)", "\(error)")
        }
        var own = given
        if let index = own.firstIndex(where: { $0 == "--config" || $0.hasPrefix("--config=") }) {
            own.removeSubrange(index...(own[index] == "--config" ? index + 1 : index))
        }
        return try RunCommand.parse(file.arguments(beside: own) + own).options
    }

    /// Looks at what a file says as far as that can be told without the host.
    ///
    /// - Throws: `ConfigurationError`, and what the parser says.
    static func check(_ file: MachineFile) throws {
        let options = try RunCommand.parse(file.arguments(beside: [])).options
        var machine = try options.machine.machine()
        if let console = options.console {
            _ = try ChannelOption(option: "--console", optionText: console)
            machine.hasConsole = true
        }
        try options.log.check()
        try machine.validated(physicalAddressBits: Platform.mostAddressBits)
    }

    private static func contents(_ path: String) throws -> [UInt8] {
        let file = try RegularFile(opening: FilePath(path), option: "--config")
        defer { try? file.descriptor.close() }
        let limit: UInt64 = .mebibytes(1)
        guard file.size <= limit else {
            throw Refusal("--config \(path): the file has more than \(ByteSize(limit))")
        }
        guard case .bytes(let text) = try ByteStream.read(file.descriptor, limit: Int(file.size)) else { return [] }
        return text
    }

    /// The machine as a file that makes it again, from any directory.
    ///
    /// - Parameter sources: the kernel and, where there is one, the initial RAM disk.
    func machineFile(_ sources: [FilePath]) -> MachineFile {
        var entries: [MachineFile.Entry] = []
        func add(_ option: String, _ value: String?, unless usual: String? = nil) {
            if let value, value != usual { entries.append(.init(option, value)) }
        }
        func add(_ option: String, if isOn: Bool) {
            if isOn { entries.append(.init(option, nil)) }
        }
        add("name", machine.name)
        add("kernel", sources.first?.fromRoot.string)
        add("initrd", sources.dropFirst().first?.fromRoot.string)
        add("cmdline", machine.cmdline, unless: "")
        add("no-default-cmdline", if: machine.noDefaultCmdline)
        add("verbose-boot", if: machine.verboseBoot)
        add("cpus", machine.cpus)
        add("memory", machine.memory.map { fromRoot($0, behind: "path=") })
        machine.numa.forEach { add("numa", $0) }
        machine.virtioMem.forEach { add("virtio-mem", fromRoot($0, behind: "path=")) }
        machine.disk.enumerated().forEach { add("disk", fromRoot($1, index: $0)) }
        machine.net.forEach { add("net", $0) }
        machine.fs.enumerated().forEach {
            add("fs", fromRoot($1, try? FileSystem(socketOptionText: $1, index: $0)))
        }
        machine.share.enumerated().forEach {
            add("share", fromRoot($1, try? FileSystem(directoryOptionText: $1, index: machine.fs.count + $0)))
        }
        add("vsock", machine.vsock.map(fromRoot(vsock:)))
        add("rng", machine.rng, unless: MachineOptions.defaultRandomNumbers)
        add("balloon", machine.balloon)
        add("on-reboot", machine.onReboot, unless: MachineOptions.defaultRebootAction)
        add("resize-stall", machine.resizeStall, unless: MachineOptions.defaultResizeStall)
        add("serial", serial.map(fromRoot(channel:)))
        add("console", console.map(fromRoot(channel:)))
        add("monitor", fromRoot(channel: monitor), unless: Self.noMonitor)
        qmp.forEach { add("qmp", fromRoot(channel: $0)) }
        add("log-level", log.logLevel)
        add("log-format", log.logFormat)
        add("log-file", log.logFile.map { FilePath($0).fromRoot.string })
        add("detach", if: detach)
        return MachineFile(entries)
    }

    /// A disk whose path is from the root.
    private func fromRoot(_ text: String, index: Int) -> String {
        guard var disk = try? Disk(optionText: text, index: index) else { return text }
        disk.path = FilePath(disk.path).fromRoot.string
        return disk.optionText
    }

    /// A file system whose path is from the root.
    private func fromRoot(_ text: String, _ fileSystem: FileSystem?) -> String {
        guard var fileSystem else { return text }
        fileSystem.path = FilePath(fileSystem.path).fromRoot.string
        return fileSystem.optionText
    }
    /// Sockets whose path is from the root.
    private func fromRoot(vsock text: String) -> String {
        guard var vsock = try? Vsock(optionText: text) else { return text }
        vsock.path = FilePath(vsock.path).fromRoot.string
        return vsock.optionText
    }

    /// A channel whose path, if it has one, is from the root.
    private func fromRoot(channel text: String) -> String {
        for kind in ["file:", "unix:"] where text.hasPrefix(kind) {
            return kind + FilePath(String(text.dropFirst(kind.count))).fromRoot.string
        }
        return text
    }

    /// A text whose path, behind a word that begins it or follows a comma, is from the root.
    private func fromRoot(_ text: String, behind word: String) -> String {
        let bytes = text.utf8
        // Generic searches of strings take longer than all else here, and each start of a machine comes by.
        var place = bytes.startIndex
        while !bytes[place...].starts(with: word.utf8) {
            guard let comma = bytes[place...].firstIndex(of: UInt8(ascii: ",")) else { return text }
            place = bytes.index(after: comma)
        }
        let path = bytes.index(place, offsetBy: word.utf8.count)
        return "\(text[..<path])\(FilePath(String(text[path...])).fromRoot.string)"
    }
}
