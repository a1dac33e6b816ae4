/**
 * Os outros sistemas do banco de provas, cada um como se usa: três nós do programa
 * do Debian, só em 127.0.0.1, e o cliente que se usa em npm.
 *
 * ```sh
 * apt-get install redis-server nats-server zookeeper etcd-server
 * ```
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { promisify } from "node:util";
import { StorageType } from "npm:@nats-io/jetstream@3.4.0";
import { Kvm } from "npm:@nats-io/kv@3.4.0";
import { connect } from "npm:@nats-io/transport-node@3.4.0";
import { Etcd3 } from "npm:etcd3@1.1.2";
import { Redis } from "npm:ioredis@6.0.0";
import zookeeper from "npm:node-zookeeper-client@1.1.3";
import { portasLivres } from "../tests/apoio.ts";
import type { Grupo, Ligacao, Operador, Sistema } from "./carga.ts";

/** Até quando os nós devem aceitar pedidos, depois de começados. */
const PRAZO_DO_GRUPO_MS = 30_000;
/** Até quando um nó deve responder: o mesmo do nosso servidor. */
const PRAZO_MS = 5_000;
const NOS = [0, 1, 2] as const;

/** Uma conexão com um nó. */
interface Conexao extends Operador {
  fechar(): unknown;
}

/** O que um sistema tem de seu. */
interface Receita {
  readonly nome: string;
  readonly semDisco?: string;
  readonly programa: string;
  /** Um arquivo sem o qual o programa não serve. */
  readonly arquivo?: string;
  /** Quantas portas tem cada nó; a primeira é a dos clientes. */
  readonly portas: number;
  /** Só o nó 0 aceita PUTs. */
  readonly primario?: true;
  /** A linha de comando do nó `n`, que grava em `pasta`; escreve antes o que ele precisa ler. */
  argumentos(n: number, portas: number[][], pasta: string, duravel: boolean): string[];
  /** `partilhada`: por vários operários. */
  conectar(porta: number, partilhada: boolean): Promise<Conexao>;
}

/** Onde está um programa: no PATH, ou onde o Debian põe os que não são para qualquer um. */
async function achar(nome: string): Promise<string | undefined> {
  for (const programa of [nome, `/usr/sbin/${nome}`]) {
    try {
      await new Deno.Command(programa, { args: ["--version"] }).output();
      return programa;
    } catch {
      // Não está aqui.
    }
  }
}

function sistema(receita: Receita): Sistema {
  const { nome, semDisco, programa, arquivo, primario } = receita;

  /** Liga os operários aos nós que atendem nessas portas. */
  async function ligar(portas: number[][], operarios: number, poucas: boolean): Promise<Ligacao> {
    await using pilha = new AsyncDisposableStack();
    const conectar = async (no: number) => {
      const conexao = await receita.conectar(portas[no]![0]!, poucas && operarios > 1);
      pilha.defer(async () => void await conexao.fechar());
      return conexao;
    };
    const operadores: Operador[] = [];
    if (poucas) {
      const conexoes: Conexao[] = [];
      for (const n of NOS) conexoes.push(await conectar(n));
      const uma = () => conexoes[Math.floor(Math.random() * NOS.length)]!;
      const operador: Operador = {
        put: (key, value) => (primario ? conexoes[0]! : uma()).put(key, value),
        get: (key) => uma().get(key),
      };
      for (let n = 0; n < operarios; n++) operadores.push(operador);
    } else {
      for (let n = 0; n < operarios; n++) {
        const no = n % NOS.length;
        const leitura = await conectar(no);
        const escrita = primario && no !== 0 ? await conectar(0) : leitura;
        operadores.push({ put: escrita.put, get: leitura.get });
      }
    }
    const abertas = pilha.move();
    return { operadores, [Symbol.asyncDispose]: () => abertas.disposeAsync() };
  }

  return {
    nome,
    ...(semDisco ? { semDisco } : {}),
    async falta() {
      if (!await achar(programa)) return `Não há o programa ${programa}.`;
      const ha = !arquivo || await Deno.stat(arquivo).then(() => true, () => false);
      if (!ha) return `Não há o arquivo ${arquivo}.`;
    },
    async iniciar(pasta, duravel): Promise<Grupo> {
      if (duravel && semDisco) throw new Error(`${nome}: ${semDisco}`);
      const comando = await achar(programa);
      if (!comando) throw new Error(`Não há o programa ${programa}`);
      const livres = portasLivres(NOS.length * receita.portas);
      const portas = NOS.map(() => livres.splice(0, receita.portas));
      const filhos: Deno.ChildProcess[] = [];
      await using pilha = new AsyncDisposableStack();
      pilha.defer(async () => {
        for (const filho of filhos) {
          try {
            filho.kill("SIGKILL");
          } catch {
            // Já tinha acabado.
          }
        }
        await Promise.all(filhos.map(({ status }) => status));
      });
      for (const n of NOS) {
        const propria = await Deno.makeTempDir({ dir: pasta, prefix: `${programa}-${n}-` });
        const args = receita.argumentos(n, portas, propria, duravel);
        const silencio = { stdin: "null", stdout: "null", stderr: "null" } as const;
        filhos.push(new Deno.Command(comando, { args, cwd: propria, ...silencio }).spawn());
      }
      // Prontos são os que aceitam um PUT e um GET, cada um dos três.
      const fim = performance.now() + PRAZO_DO_GRUPO_MS;
      for (let prontos = false; !prontos;) {
        try {
          await using ligacao = await ligar(portas, NOS.length, false);
          for (const operador of ligacao.operadores) {
            await operador.put("pronto", "sim");
            await operador.get("pronto");
          }
          prontos = true;
        } catch (erro) {
          if (performance.now() > fim) throw new Error(`${nome} não começou`, { cause: erro });
          await new Promise((resolver) => setTimeout(resolver, 200));
        }
      }
      const tudo = pilha.move();
      return {
        processos: filhos.map(({ pid }, n) => ({ nome: `${programa} ${n}`, pid })),
        ligar: (operarios, poucas) => ligar(portas, operarios, poucas),
        [Symbol.asyncDispose]: () => tudo.disposeAsync(),
      };
    },
  };
}

// --- Redis -------------------------------------------------------------------

/** Um SET e o seu WAIT, numa ida só: o uso comum. */
function umPorUm(redis: Redis): Operador["put"] {
  return async (key, value) => {
    const respostas = await redis.pipeline().set(key, value).wait(2, PRAZO_MS).exec() ?? [];
    const [erro, copias] = respostas.at(-1) ?? [];
    if (copias !== 2) throw erro ?? new Error(`WAIT: ${copias} réplicas`);
  };
}

/**
 * Os PUTs de uma conexão com o primário, em lotes: SETs e um WAIT, numa ida só. Nenhum
 * cliente do npm faz isto por si: é o que um programa que se ocupe disso consegue. Um
 * WAIT vale para todas as escritas anteriores da conexão e a detém até ter resposta:
 * com um para cada SET, os operários que a partilham esperariam em fila (64 deles:
 * uns 8 mil PUTs por segundo; em lotes, uns 100 mil). Enquanto um lote não volta,
 * junta-se o próximo; os GETs que caem nesta conexão esperam pelo WAIT que está nela.
 */
function emLotes(redis: Redis): Operador["put"] {
  const abrir = () => {
    const pipeline = redis.pipeline();
    const mandar = async () => {
      await new Promise((resolver) => setImmediate(resolver));
      aberto = undefined;
      const respostas = await pipeline.wait(2, PRAZO_MS).exec() ?? [];
      const [erro, copias] = respostas.at(-1) ?? [];
      if (copias !== 2) throw erro ?? new Error(`WAIT: ${copias} réplicas`);
      return respostas;
    };
    const lote = { pipeline, resposta: anterior.then(mandar, mandar) };
    anterior = lote.resposta;
    return lote;
  };
  let anterior: Promise<unknown> = Promise.resolve();
  let aberto: ReturnType<typeof abrir> | undefined;
  return async (key, value) => {
    const { pipeline, resposta } = aberto ??= abrir();
    const posicao = pipeline.length;
    pipeline.set(key, value);
    const [erro, ok] = (await resposta)[posicao]!;
    if (ok !== "OK") throw erro ?? new Error(`SET: ${ok}`);
  };
}

/**
 * PUT: o primário e as duas réplicas têm o value (WAIT 2). Durável: e cada um o
 * sincronizou com o disco antes de responder (appendfsync always). Não há consenso:
 * se o primário morre, ninguém toma o seu lugar sem Sentinel ou Cluster. GET: da
 * réplica que for, como a réplica estiver.
 */
const redis = (nome: string, escrever: typeof umPorUm): Receita => ({
  nome,
  programa: "redis-server",
  portas: 1,
  primario: true,
  argumentos(n, portas, pasta, duravel) {
    return [
      ...["--bind", "127.0.0.1", "--port", `${portas[n]![0]}`, "--dir", pasta, "--save", ""],
      ...["--appendonly", duravel ? "yes" : "no", "--appendfsync", "always"],
      ...["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"],
      ...(n > 0 ? ["--replicaof", "127.0.0.1", `${portas[0]![0]}`] : []),
    ];
  },
  async conectar(porta, partilhada) {
    const redis = new Redis({
      host: "127.0.0.1",
      port: porta,
      lazyConnect: true,
      // Junta os GETs da mesma volta do laço de eventos; a quem está só, custa.
      enableAutoPipelining: partilhada,
      retryStrategy: null,
    });
    redis.on("error", () => {}); // Quem pede já o recebe.
    await redis.connect();
    return {
      put: escrever(redis),
      get: (key) => redis.get(key),
      fechar: () => redis.disconnect(),
    };
  },
});

// --- NATS --------------------------------------------------------------------

/**
 * PUT: o value está na memória da maioria (Raft, dois dos três nós). GET: direto
 * (allow_direct), de uma das três réplicas, que os nós sorteiam, como ela estiver.
 */
const nats: Receita = {
  nome: "NATS",
  semDisco:
    "o nats-server 2.9 só sincroniza com o disco a cada dois minutos (sync_interval é da 2.10).",
  programa: "nats-server",
  portas: 2,
  argumentos(n, portas, pasta) {
    const rotas = portas.map(([, rota]) => `nats://127.0.0.1:${rota}`);
    return [
      ...["--addr", "127.0.0.1", "--port", `${portas[n]![0]}`, "--name", `no${n}`],
      ...["--jetstream", "--store_dir", pasta],
      ...["--cluster", rotas[n]!, "--cluster_name", "bench", "--routes", rotas.join(",")],
    ];
  },
  async conectar(porta) {
    const nc = await connect({ servers: `127.0.0.1:${porta}`, reconnect: false });
    try {
      // Se já existe, só o abre.
      const kv = await new Kvm(nc).create("bench", {
        replicas: 3,
        history: 1,
        storage: StorageType.Memory,
        allow_direct: true,
      });
      return {
        put: (key, value) => kv.put(key, value),
        get: async (key) => (await kv.get(key))?.string() ?? null,
        fechar: () => nc.close(),
      };
    } catch (erro) {
      await nc.close();
      throw erro;
    }
  },
};

// --- ZooKeeper ---------------------------------------------------------------

const JAR = "/usr/share/java/zookeeper.jar";

/**
 * PUT: o value está no disco da maioria (Zab, dois dos três nós), sincronizado;
 * ZooKeeper não tem outro modo, e `duravel` não muda nada. GET: do nó a que se está
 * ligado, como ele estiver.
 */
const zooKeeper: Receita = {
  nome: "ZooKeeper",
  programa: "java",
  arquivo: JAR,
  portas: 3,
  argumentos(n, portas, pasta) {
    Deno.writeTextFileSync(`${pasta}/myid`, `${n + 1}`);
    const linhas = [
      ...["tickTime=2000", "initLimit=10", "syncLimit=5", `dataDir=${pasta}`],
      ...["clientPortAddress=127.0.0.1", `clientPort=${portas[n]![0]}`],
      ...["maxClientCnxns=0", "admin.enableServer=false"],
      ...portas.map(([, q, e], no) => `server.${no + 1}=127.0.0.1:${q}:${e}`),
    ];
    Deno.writeTextFileSync(`${pasta}/zoo.cfg`, linhas.join("\n") + "\n");
    const classe = "org.apache.zookeeper.server.quorum.QuorumPeerMain";
    return ["-Xmx1000m", "-cp", JAR, classe, `${pasta}/zoo.cfg`];
  },
  async conectar(porta) {
    const cliente = zookeeper.createClient(`127.0.0.1:${porta}`);
    await new Promise<void>((resolver, recusar) => {
      const desistir = setTimeout(() => {
        cliente.close();
        recusar(new Error("Sem conexão"));
      }, PRAZO_MS);
      cliente.once("connected", () => {
        clearTimeout(desistir);
        resolver();
      });
      cliente.connect();
    });
    const gravar = promisify(cliente.setData.bind(cliente));
    const criar = promisify(cliente.create.bind(cliente));
    const ler = promisify(cliente.getData.bind(cliente));
    const { NO_NODE, NODE_EXISTS } = zookeeper.Exception;
    /** Faz `outra` coisa se a primeira falhou com esse código. */
    const seFalhou = (codigo: number, outra: () => unknown) => (erro: { code: number }) => {
      if (erro.code !== codigo) throw erro;
      return outra();
    };
    return {
      put(key, value) {
        const [no, dados] = [`/${key}`, Buffer.from(value)];
        const gravarDados = () => gravar(no, dados, -1);
        const criarNo = () => criar(no, dados).catch(seFalhou(NODE_EXISTS, gravarDados));
        return gravarDados().catch(seFalhou(NO_NODE, criarNo));
      },
      get: (key) => ler(`/${key}`).then(String).catch(seFalhou(NO_NODE, () => null)),
      fechar: () => cliente.close(),
    };
  },
};

// --- etcd --------------------------------------------------------------------

/**
 * PUT: o value está no disco da maioria (Raft, dois dos três nós), sincronizado;
 * `duravel` não muda nada. GET: serializable, do nó a que se está ligado, como ele
 * estiver: é o que o nosso GET faz (o padrão do etcd, linearizable, confirma antes
 * com a maioria que o nó está em dia).
 */
const etcd: Receita = {
  nome: "etcd",
  programa: "etcd",
  portas: 2,
  argumentos(n, portas, pasta) {
    const [cliente, par] = portas[n]!.map((porta) => `http://127.0.0.1:${porta}`);
    const todos = portas.map(([, par], no) => `no${no}=http://127.0.0.1:${par}`).join(",");
    return [
      ...["--name", `no${n}`, "--data-dir", pasta, "--logger", "zap", "--log-level", "error"],
      ...["--listen-client-urls", cliente!, "--advertise-client-urls", cliente!],
      ...["--listen-peer-urls", par!, "--initial-advertise-peer-urls", par!],
      ...["--initial-cluster", todos, "--initial-cluster-state", "new"],
    ];
  },
  conectar(porta) {
    const cliente = new Etcd3({
      hosts: `http://127.0.0.1:${porta}`,
      // Sem isto, todos os clientes de um processo partilham a conexão.
      grpcOptions: { "grpc.use_local_subchannel_pool": 1 },
    });
    return Promise.resolve({
      put: (key, value) => cliente.put(key).value(value).exec(),
      get: (key) => cliente.get(key).serializable(true).string(),
      fechar: () => cliente.close(),
    });
  },
};

export const OUTROS: readonly Sistema[] = [
  redis("Redis+WAIT", umPorUm),
  redis("Redis em lotes", emLotes),
  nats,
  zooKeeper,
  etcd,
].map(sistema);
