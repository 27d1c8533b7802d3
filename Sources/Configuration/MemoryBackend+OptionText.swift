extension MemoryBackend {
    /// The keys of the options that take a backend, in the order in which errors list them. `path` comes last and takes
    /// all that follows, since a path may hold any sign.
    static let keys = [
        "backend", "share", "hugepages", "thp", "prealloc", "reserve", "host-nodes", "policy", pathKey,
    ]
    static let repeatableKeys = ["host-nodes"]
    static let pathKey = "path"
    /// The key of a descriptor, which only a launch request has.
    static let descriptorKey = "fd"

    /// The highest number of a host's node (MAX_NUMNODES of x86-64 kernels is 1024).
    static let maximumHostNode = 1023

    /// Takes a backend out of an option whose keys are among others those of a backend.
    ///
    /// - Parameter defaultKind: what it is where the option does not say.
    init(_ option: OptionText, defaultKind: Kind = .anonymous) throws(ConfigurationError) {
        var hostNodes: [UInt32] = []
        for list in option.all("host-nodes") {
            hostNodes += try option.numbers(
                "host-nodes", list, below: Self.maximumHostNode + 1, "nodes have the numbers 0 to"
            ).map { UInt32($0) }
        }
        let policy = try option.choice("policy", as: Policy.self)
        guard policy == nil || !hostNodes.isEmpty else {
            throw ConfigurationError(option.option, "policy needs nodes: give host-nodes=0-1 too")
        }
        self.init(
            try option.choice("backend", as: Kind.self) ?? defaultKind,
            path: option.value(Self.pathKey), descriptor: try option.number(Self.descriptorKey, as: Int32.self),
            isShared: try option.flag("share"), hugePageSize: try option.choice("hugepages", as: HugePageSize.self),
            transparentHugePages: try option.flag("thp"), prealloc: try option.flag("prealloc"),
            reserve: try option.flag("reserve") ?? false, hostNodes: hostNodes, policy: policy ?? .bind)
    }

    /// What an option says of the backend beyond what goes without saying, each part behind a comma; empty for
    /// anonymous memory as usual.
    var optionParts: String {
        let usual = MemoryBackend(kind)
        var text = ""
        func add(_ key: String, _ value: some CustomStringConvertible) {
            text += ",\(key)=\(value)"
        }
        func add(_ key: String, _ value: Bool, unless usual: Bool) {
            if value != usual {
                add(key, value ? "on" : "off")
            }
        }
        if kind != .anonymous {
            add("backend", kind.rawValue)
        }
        add("share", isShared, unless: usual.isShared)
        if let hugePageSize {
            add("hugepages", hugePageSize.optionText)
        }
        add("thp", transparentHugePages, unless: usual.transparentHugePages)
        add("prealloc", prealloc, unless: usual.prealloc)
        add("reserve", reserve, unless: false)
        for run in NumberList.runs(of: hostNodes.map { Int($0) }) {
            add("host-nodes", run)
        }
        if !hostNodes.isEmpty {
            add("policy", policy.rawValue)
        }
        if let descriptor {
            add(Self.descriptorKey, descriptor)
        }
        if let path {
            add(Self.pathKey, path)
        }
        return text
    }

    /// A path takes all that follows it, so that a key behind it would silently become part of a file's name.
    func checkNothingFollowsPath(in option: OptionText, keys: [String]) throws(ConfigurationError) {
        guard let path else { return }
        let rest = path.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).dropFirst()
        for key in keys where rest.contains(where: { $0.starts(with: "\(key)=".utf8) }) {
            throw ConfigurationError(
                option.option, "path takes all that follows it, and \"\(key)=\" follows: give path last")
        }
    }
}

extension MemoryBackend.HugePageSize: OptionChoice {
    init?(optionText: String) {
        guard let size = try? ByteSize(parsing: optionText), let value = Self(rawValue: size.bytes) else { return nil }
        self = value
    }

    var optionText: String { "\(ByteSize(rawValue))" }
}

extension MemoryBackend.Kind: OptionChoice {}
extension MemoryBackend.Policy: OptionChoice {}
extension ViolationAction: OptionChoice {}
extension UnpluggedAccess: OptionChoice {}
