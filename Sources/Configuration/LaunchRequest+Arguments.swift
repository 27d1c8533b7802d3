import KernelLayout

extension LaunchRequest {
    /// The request as command-line arguments, without the program's own name. Options are named as `swiftlet run`
    /// names them; each is followed by its value as an argument of its own.
    ///
    /// ```
    /// --name web --cpus 2,sockets=1,cores=2,threads=1 --memory 512M --on-reboot reset
    /// --virtio-mem id=vm0,size=8G,node=0,requested-size=128M,block-size=2M
    /// --disk id=root,fd=12,path=/srv/root.img --net tap=tap0,id=net0,tap-fd=13
    /// --vsock cid=3,fd=13,socket=/run/web.vsock --share id=fs0,tag=data,fd=13,path=/srv/data
    /// --kernel fd=5,entry=0x1000000,segment=0x200000:0x1000:0x1000000:0x2000 --initrd fd=6,size=1048576
    /// --serial fd=7,name=/dev/pts/3 --console fd=14,path=/run/hvc0.sock --monitor fd=8,path=/run/web.sock
    /// --qmp fd=9,path=/run/qmp.sock
    /// --run-directory fd=10,path=/run/swiftlet/web --log fd=11,level=info,format=text
    /// --cmdline 'console=ttyS0 quiet'
    /// ```
    ///
    /// What may hold any sign (names, paths, the kernel's command line) stands last in its argument, unchanged.
    public func arguments() -> [String] {
        var arguments = [
            "--name", machine.name, "--cpus", machine.processors.optionText,
            "--memory", BootMemory(size: machine.memory, backend: machine.memoryBackend).optionText,
            "--on-reboot", machine.onReboot.rawValue,
        ]
        if machine.resizeStall != MachineConfiguration.defaultResizeStall {
            arguments += ["--resize-stall", "\(Milliseconds(machine.resizeStall))"]
        }
        for node in machine.nodes {
            arguments += ["--numa", node.optionText]
        }
        for device in machine.memoryDevices {
            arguments += ["--virtio-mem", device.optionText]
        }
        if !machine.hasEntropy {
            arguments += ["--rng", "off"]
        }
        for disk in machine.disks {
            arguments += ["--disk", disk.optionText]
        }
        for device in machine.networkDevices {
            arguments += ["--net", device.optionText]
        }
        for fileSystem in machine.fileSystems {
            arguments += [fileSystem.optionName, fileSystem.optionText]
        }
        if let balloon = machine.balloon {
            arguments += ["--balloon", balloon.optionText]
        }
        if let vsock = machine.vsock {
            arguments += ["--vsock", vsock.optionText]
        }
        arguments += ["--kernel", kernel.optionText]
        if let initialRAMDisk {
            arguments += ["--initrd", initialRAMDisk.optionText]
        }
        arguments += ["--serial", serial.optionText]
        if machine.hasConsole {
            arguments += ["--console", console.optionText]
        }
        arguments += ["--monitor", monitor.optionText]
        for listener in qmp {
            arguments += ["--qmp", listener.optionText]
        }
        if let runDirectory {
            arguments += ["--run-directory", runDirectory.optionText]
        }
        if logs != [.standardError] {
            arguments += logs.flatMap { ["--log", $0.optionText] }
        }
        if let endWith {
            arguments += ["--end-with", "fd=\(endWith)"]
        }
        arguments += ["--cmdline", machine.commandLine]
        return arguments
    }

    /// Reads what `arguments()` wrote; the machine's configuration is not validated.
    ///
    /// - Throws: `ConfigurationError` for an option that is unknown, malformed, missing or given twice.
    public init(arguments: [String]) throws(ConfigurationError) {
        let given = try Given(arguments)
        guard let kernel = given.value("--kernel") else {
            throw ConfigurationError("--kernel", "missing")
        }
        self.init(machine: try Self.machine(from: given), kernel: try Kernel(optionText: kernel))
        if let text = given.value("--initrd") {
            initialRAMDisk = try InitialRAMDisk(optionText: text)
        }
        if let text = given.value("--serial") {
            serial = try Channel(option: "--serial", text)
        }
        if let text = given.value("--console") {
            machine.hasConsole = true
            console = try Channel(option: "--console", text)
        }
        if let text = given.value("--monitor") {
            monitor = try Monitor(optionText: text)
        }
        for text in given.all("--qmp") {
            qmp.append(try Place(option: "--qmp", text))
        }
        if let text = given.value("--run-directory") {
            runDirectory = try Place(option: "--run-directory", text)
        }
        let logTexts = given.all("--log")
        if !logTexts.isEmpty {
            logs = []
        }
        for text in logTexts {
            logs.append(try LogDestination(optionText: text))
        }
        if let text = given.value("--end-with") {
            endWith = try Self.endWith(optionText: text)
        }
    }

    /// Reads the value of `--end-with`: `fd=3`.
    public static func endWith(optionText text: String) throws(ConfigurationError) -> Int32 {
        try OptionText("--end-with", text, keys: ["fd"]).descriptor()
    }

    private static func machine(from given: Given) throws(ConfigurationError) -> MachineConfiguration {
        var machine = MachineConfiguration(commandLine: given.value("--cmdline") ?? KernelCommandLine().text)
        if let text = given.value("--name") {
            machine.name = text
        }
        if let text = given.value("--cpus") {
            machine.processors = try ProcessorTopology(optionText: text)
        }
        if let text = given.value("--memory") {
            let memory = try BootMemory(optionText: text, isOpened: true)
            machine.memory = memory.size ?? machine.memory
            machine.memoryBackend = memory.backend
        }
        if let text = given.value("--resize-stall") {
            machine.resizeStall = try MachineConfiguration.resizeStall(optionText: text)
        }
        if let text = given.value("--on-reboot") {
            machine.onReboot = try RebootAction(optionText: text)
        }
        for text in given.all("--numa") {
            machine.nodes.append(try NUMANode(optionText: text))
        }
        for text in given.all("--virtio-mem") {
            machine.memoryDevices.append(try MemoryDevice(optionText: text, isOpened: true))
        }
        if let text = given.value("--rng") {
            machine.hasEntropy = try MachineConfiguration.hasEntropy(optionText: text)
        }
        for (index, text) in given.all("--disk").enumerated() {
            machine.disks.append(try Disk(optionText: text, index: index, isOpened: true))
        }
        for (index, text) in given.all("--net").enumerated() {
            machine.networkDevices.append(try NetworkDevice(optionText: text, index: index, isOpened: true))
        }
        for text in given.all("--fs") {
            machine.fileSystems.append(
                try FileSystem(socketOptionText: text, index: machine.fileSystems.count, isOpened: true))
        }
        for text in given.all("--share") {
            machine.fileSystems.append(
                try FileSystem(directoryOptionText: text, index: machine.fileSystems.count, isOpened: true))
        }
        if let text = given.value("--balloon") {
            machine.balloon = try Balloon(optionText: text)
        }
        if let text = given.value("--vsock") {
            machine.vsock = try Vsock(optionText: text, isOpened: true)
        }
        return machine
    }
}

/// The options that a process was given, by name.
private struct Given {
    private var values = NamedValues()

    private static let names = [
        "--name", "--cpus", "--memory", "--on-reboot", "--resize-stall", "--numa", "--virtio-mem", "--rng",
        "--disk", "--net", "--vsock", "--fs", "--share", "--balloon", "--kernel", "--initrd", "--serial", "--console",
        "--monitor", "--qmp", "--run-directory", "--log", "--end-with", "--cmdline",
    ]
    private static let repeatableNames = [
        "--numa", "--virtio-mem", "--disk", "--net", "--fs", "--share", "--qmp", "--log",
    ]

    init(_ arguments: [String]) throws(ConfigurationError) {
        var rest = arguments[...]
        while let name = rest.popFirst() {
            guard Self.names.contains(name) else {
                throw ConfigurationError(name, "unknown option; they are \(Self.names.joined(separator: ", "))")
            }
            guard let value = rest.popFirst() else {
                throw ConfigurationError(name, "needs a value")
            }
            guard self.value(name) == nil || Self.repeatableNames.contains(name) else {
                throw ConfigurationError(name, "given twice")
            }
            values.append(value, as: name)
        }
    }

    /// All values of an option, in order.
    func all(_ name: String) -> [String] { values.all(name) }

    /// The value of an option, or nil where it isn't given.
    func value(_ name: String) -> String? { values.first(name) }
}

extension MachineConfiguration {
    /// Reads the value of `--resize-stall`, in milliseconds.
    public static func resizeStall(optionText text: String) throws(ConfigurationError) -> UInt64 {
        do {
            return try Milliseconds(parsing: text).count
        } catch {
            throw ConfigurationError("--resize-stall", error.description)
        }
    }
}

extension MachineConfiguration {
    /// Reads the value of `--rng`.
    public static func hasEntropy(optionText text: String) throws(ConfigurationError) -> Bool {
        switch text {
        case "on": return true
        case "off": return false
        default: throw ConfigurationError("--rng \(text)", "not one of on and off")
        }
    }
}

extension RebootAction {
    /// Reads the value of `--on-reboot`.
    public init(optionText text: String) throws(ConfigurationError) {
        guard let action = RebootAction(rawValue: text) else {
            throw ConfigurationError("--on-reboot \(text)", "not one of reset and exit")
        }
        self = action
    }
}

extension LaunchRequest.Kernel {
    fileprivate var optionText: String {
        let segments = layout.segments.map { segment in
            [segment.fileOffset, segment.fileSize, segment.address, segment.memorySize].map(hexadecimal)
                .joined(separator: ":")
        }
        return (["fd=\(descriptor)", "entry=\(hexadecimal(layout.entry))"] + segments.map { "segment=\($0)" })
            .joined(separator: ",")
    }

    fileprivate init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText("--kernel", text, keys: ["fd", "entry", "segment"], repeatable: ["segment"])
        let descriptor = try option.descriptor()
        let entry = try option.address(option.required("entry"))
        var segments: [KernelLayout.Segment] = []
        for text in option.all("segment") {
            var numbers: [UInt64] = []
            for part in text.split(separator: ":", omittingEmptySubsequences: false) {
                numbers.append(try option.address(String(part)))
            }
            guard numbers.count == 4 else {
                throw ConfigurationError(
                    option.option, "segment \"\(text)\" is not OFFSET:FILE-SIZE:ADDRESS:MEMORY-SIZE")
            }
            segments.append(
                KernelLayout.Segment(
                    fileOffset: numbers[0], fileSize: numbers[1], address: numbers[2], memorySize: numbers[3]))
        }
        self.init(descriptor: descriptor, layout: KernelLayout(entry: entry, segments: segments))
    }
}

extension LaunchRequest.InitialRAMDisk {
    fileprivate var optionText: String { "fd=\(descriptor),size=\(size)" }

    fileprivate init(optionText text: String) throws(ConfigurationError) {
        let option = try OptionText("--initrd", text, keys: ["fd", "size"])
        _ = try option.required("size")
        self.init(descriptor: try option.descriptor(), size: try option.size("size") ?? 0)
    }
}

extension LaunchRequest.Channel {
    fileprivate var optionText: String {
        switch self {
        case .stdio: "stdio"
        case .null: "null"
        case .descriptor(let descriptor, let name): "fd=\(descriptor),name=\(name)"
        case .listener(let listener): listener.optionText
        }
    }

    fileprivate init(option: String, _ text: String) throws(ConfigurationError) {
        switch text {
        case "stdio": self = .stdio
        case "null": self = .null
        default:
            if let listener = try? LaunchRequest.Place(option: option, text) {
                self = .listener(listener)
                return
            }
            let option = try OptionText(option, text, keys: ["fd", "name"], rest: "name")
            self = .descriptor(try option.descriptor(), name: try option.required("name"))
        }
    }
}

extension LaunchRequest.Monitor {
    fileprivate var optionText: String {
        switch self {
        case .none: "none"
        case .stdio: "stdio"
        case .listener(let listener): listener.optionText
        }
    }

    fileprivate init(optionText text: String) throws(ConfigurationError) {
        switch text {
        case "none": self = .none
        case "stdio": self = .stdio
        default: self = .listener(try LaunchRequest.Place(option: "--monitor", text))
        }
    }
}

extension LaunchRequest.Place {
    fileprivate var optionText: String { "fd=\(descriptor),path=\(path)" }

    fileprivate init(option: String, _ text: String) throws(ConfigurationError) {
        let option = try OptionText(option, text, keys: ["fd", "path"], rest: "path")
        self.init(descriptor: try option.descriptor(), path: try option.required("path"))
    }
}

extension OptionText {
    func descriptor() throws(ConfigurationError) -> Int32 {
        _ = try required("fd")
        return try number("fd", as: Int32.self) ?? -1
    }

    fileprivate func address(_ text: String) throws(ConfigurationError) -> UInt64 {
        guard text.hasPrefix("0x"), let number = UInt64(text.dropFirst(2), radix: 16) else {
            throw ConfigurationError(option, "\"\(text)\" is not a number such as 0x1000")
        }
        return number
    }
}

private func hexadecimal(_ number: UInt64) -> String {
    "0x" + String(number, radix: 16)
}
