/// What `swiftlet run` was asked for.
struct RunOptions: Equatable {
    /// How the command is called.
    static let command = "run"
    static let noMonitor = "none"

    var config: String?
    var kernel: String?
    var initrd: String?
    var machine = MachineOptions()
    var detach = false
    var serial: String?
    var console: String?
    var monitor = Self.noMonitor
    var qmp: [String] = []
    var endWith: String?
    var log = LogOptions()
}

/// `run` as nearly all programs and people write it: options with their values behind them.
///
/// The parser takes more than half of the front end's time, and each start of a machine comes by here. What is not plain,
/// and each mistake, is left to the parser, which says what is wrong.
extension RunOptions {
    /// - Parameter arguments: what stands behind `run`.
    /// - Returns: nil where the arguments are not plain.
    init?(plain arguments: [String]) {
        self.init()
        var rest = arguments[...]
        while let option = rest.popFirst() {
            if set(flag: option) { continue }
            guard let value = rest.popFirst(), !value.hasPrefix("-"), set(option, value) else { return nil }
        }
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

extension MachineOptions {
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
