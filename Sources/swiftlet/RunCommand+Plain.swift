/// `run` as nearly all programs and people write it: options with their values behind them.
///
/// The parser takes more than half of the front end's time, and each start of a machine comes by here. What is not plain,
/// and each mistake, is left to the parser, which says what is wrong.
extension RunCommand {
    /// How the command is called.
    static let name = "run"

    /// - Parameter arguments: what stands behind `run`.
    /// - Returns: nil where the arguments are not plain.
    init?(plain arguments: [String]) {
        self.init()
        setDefaults()
        var rest = arguments[...]
        while let option = rest.popFirst() {
            if set(flag: option) { continue }
            guard let value = rest.popFirst(), !value.hasPrefix("-"), set(option, value) else { return nil }
        }
    }

    /// What the parser would find where nothing is given. Until they are set, options have no value.
    private mutating func setDefaults() {
        (config, kernel, initrd, detach) = (nil, nil, nil, false)
        (serial, console, monitor, qmp, endWith) = (nil, nil, Self.noMonitor, [], nil)
        machine = .defaults
        log = .defaults
    }

    private mutating func set(flag: String) -> Bool {
        switch flag {
        case "--detach": detach = true
        case "--no-default-cmdline": machine.noDefaultCmdline = true
        case "--verbose-boot": machine.verboseBoot = true
        default: return false
        }
        return true
    }

    private mutating func set(_ option: String, _ value: String) -> Bool {
        switch option {
        case "--config": config = value
        case "--kernel": kernel = value
        case "--initrd": initrd = value
        case "--serial": serial = value
        case "--console": console = value
        case "--monitor": monitor = value
        case "--qmp": qmp.append(value)
        case "--end-with": endWith = value
        case "--log-level": log.logLevel = value
        case "--log-format": log.logFormat = value
        case "--log-file": log.logFile = value
        default: return machine.set(option, value)
        }
        return true
    }
}

extension LogOptions {
    fileprivate static var defaults: LogOptions {
        var options = LogOptions()
        (options.logLevel, options.logFormat, options.logFile) = (nil, nil, nil)
        return options
    }
}

extension MachineOptions {
    fileprivate static var defaults: MachineOptions {
        var options = MachineOptions()
        (options.cmdline, options.noDefaultCmdline, options.verboseBoot) = ("", false, false)
        (options.name, options.cpus, options.memory, options.numa) = (nil, defaultProcessors, nil, [])
        (options.virtioMem, options.disk, options.net, options.fs, options.share) = ([], [], [], [], [])
        (options.vsock, options.rng, options.balloon) = (nil, defaultRandomNumbers, nil)
        (options.onReboot, options.resizeStall) = (defaultRebootAction, defaultResizeStall)
        return options
    }

    fileprivate mutating func set(_ option: String, _ value: String) -> Bool {
        switch option {
        case "--cmdline": cmdline = value
        case "--name": name = value
        case "--cpus": cpus = value
        case "--memory": memory = value
        case "--numa": numa.append(value)
        case "--virtio-mem": virtioMem.append(value)
        case "--disk": disk.append(value)
        case "--net": net.append(value)
        case "--fs": fs.append(value)
        case "--share": share.append(value)
        case "--vsock": vsock = value
        case "--rng": rng = value
        case "--balloon": balloon = value
        case "--on-reboot": onReboot = value
        case "--resize-stall": resizeStall = value
        default: return false
        }
        return true
    }
}
