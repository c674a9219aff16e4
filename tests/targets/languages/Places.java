import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

// Threads in places and states that are known: says "ready" once all of them are there. With an argument there are one
// that spins and two that wait for each other, too.
public class Places {
    static final Object gate = new Object(), taken = new Object(), left = new Object(), right = new Object();
    static final ReentrantLock lock = new ReentrantLock();
    static volatile long spun;
    static volatile boolean all;

    interface Body {
        void run() throws Exception;
    }

    record Place(Thread thread, Thread.State state, String method) {
        boolean isThere() {
            boolean found = false;
            for (StackTraceElement frame : thread.getStackTrace())
                found = found || frame.getMethodName().equals(method);
            return found && thread.getState() == state;
        }
    }

    static final List<Place> places = new ArrayList<>();

    static void start(String name, Thread.State state, String method, Body body) throws Exception {
        Thread thread = new Thread(() -> {
            try {
                body.run();
            } catch (Exception e) {
                throw new RuntimeException(e);
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
        places.add(new Place(thread, state, method));
        while (!places.get(places.size() - 1).isThere())
            Thread.sleep(1);
    }

    static void park() {
        while (true)
            LockSupport.park();
    }

    static void parkFor() {
        while (true)
            LockSupport.park(gate);
    }

    static void pool() {
        while (true)
            LockSupport.park(new Object());
    }

    static void sleepDeep(int depth) throws Exception {
        if (depth > 0)
            sleepDeep(depth - 1);
        else
            Thread.sleep(3600000);
    }

    static void await() throws Exception {
        synchronized (gate) {
            while (true)
                gate.wait();
        }
    }

    static void own() throws Exception {
        synchronized (taken) {
            lock.lock();
            Thread.sleep(3600000);
        }
    }

    static void block() {
        synchronized (taken) {
            spun++;
        }
    }

    static void spin() {
        while (true) spun++;
    }

    static void accept() throws Exception {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            socket.accept();
        }
    }

    static void takeBoth(Object first, Object second) throws Exception {
        synchronized (first) {
            while (!all)
                Thread.sleep(1);
            synchronized (second) {
                spun++;
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        start("p-park", Thread.State.WAITING, "park", Places::park);
        start("p-parkfor", Thread.State.WAITING, "parkFor", Places::parkFor);
        for (int i = 0; i < 5; i++)
            start("p-pool-" + i, Thread.State.WAITING, "pool", Places::pool);
        start("p-sleep", Thread.State.TIMED_WAITING, "sleepDeep", () -> sleepDeep(40));
        start("p-wait", Thread.State.WAITING, "await", Places::await);
        start("p-own", Thread.State.TIMED_WAITING, "own", Places::own);
        start("p-blocked", Thread.State.BLOCKED, "block", Places::block);
        start("p-lock", Thread.State.WAITING, "lock", lock::lock);
        start("p \"q\" \u00e9 #9", Thread.State.WAITING, "park", Places::park);
        start("p-accept", Thread.State.RUNNABLE, "accept", Places::accept);
        if (arguments.length > 0) {
            start("p-spin", Thread.State.RUNNABLE, "spin", Places::spin);
            start("p-left", Thread.State.TIMED_WAITING, "takeBoth", () -> takeBoth(left, right));
            start("p-right", Thread.State.TIMED_WAITING, "takeBoth", () -> takeBoth(right, left));
            all = true;
            for (Place place : places.subList(places.size() - 2, places.size()))
                while (place.thread().getState() != Thread.State.BLOCKED)
                    Thread.sleep(1);
        }
        System.out.println("ready");
        System.out.flush();
        Thread.sleep(3600000);
    }
}
