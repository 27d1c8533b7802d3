import Glibc
import KVM
import Testing

/// What kind of KVM these tests run on.
enum KVMHost {
    /// Whether `/dev/kvm` opens, so that guests can run at all.
    static let isAvailable = (try? KVMSystem()) != nil

    /// Whether it is software KVM, which runs a guest's kernel mode in its instruction emulator.
    static let isSoftware = access("/sys/module/kvm_pvm", F_OK) == 0
}

extension Trait where Self == ConditionTrait {
    /// Skips a test, visibly, where no guest can run.
    static var needsKVM: Self {
        .enabled(if: KVMHost.isAvailable, "/dev/kvm does not open here")
    }
}
