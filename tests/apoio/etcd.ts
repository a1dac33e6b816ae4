/**
 * Um etcd de três membros, e uma ponte ao lado de cada um: processos de verdade, que se matam,
 * pausam e recomeçam.
 *
 * @module
 */

import { ate, atendendo, portasLivres, Programa } from "../apoio.ts";

/** Se não há etcd nesta máquina (no Debian, o pacote etcd-server). */
export const SEM_ETCD = !await haEtcd();

async function haEtcd(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command("etcd", { args: ["--version"], stdout: "null" })
      .output();
    return success;
  } catch {
    return false;
  }
}

/** Eleições depressa: os testes matam líderes. */
const RAPIDO = ["--heartbeat-interval=50", "--election-timeout=500"];

/** Começa três membros, que guardam numa pasta temporária, com mais estas opções. */
export async function abrirEtcd(...opcoes: string[]) {
  const pasta = await Deno.makeTempDir({ prefix: "kv-etcd-" });
  const portas = portasLivres(6);
  const url = (porta: number) => `http://127.0.0.1:${porta}`;
  const urls = portas.slice(0, 3).map(url);
  const pares = portas.slice(3).map(url);
  const grupo = pares.map((par, n) => `m${n}=${par}`).join(",");
  const filhos: (Deno.ChildProcess | undefined)[] = [];
  const comecar = (n: number) => {
    filhos[n] = new Deno.Command("etcd", {
      args: [
        ...[`--name=m${n}`, `--data-dir=${pasta}/m${n}`, ...RAPIDO],
        ...[`--listen-client-urls=${urls[n]}`, `--advertise-client-urls=${urls[n]}`],
        ...[`--listen-peer-urls=${pares[n]}`, `--initial-advertise-peer-urls=${pares[n]}`],
        ...[`--initial-cluster=${grupo}`, "--logger=zap", "--log-level=error"],
        ...opcoes,
      ],
      stdout: "null",
      stderr: "null",
    }).spawn();
  };
  const matar = async (n: number) => {
    const filho = filhos[n];
    filhos[n] = undefined;
    filho?.kill("SIGKILL");
    await filho?.status;
  };
  const estado = async (n: number) => {
    const pedido = { method: "POST", body: "{}", signal: AbortSignal.timeout(1_000) };
    const resposta = await fetch(`${urls[n]}/v3/maintenance/status`, pedido).catch(() => undefined);
    return await resposta?.json().catch(() => undefined) as
      | { leader?: string; header: { member_id: string } }
      | undefined;
  };
  [0, 1, 2].forEach(comecar);
  const etcd = {
    urls,
    comecar,
    matar,
    pids: () => filhos.flatMap((filho) => filho ? [filho.pid] : []),
    sinal: (n: number, sinal: Deno.Signal) => filhos[n]?.kill(sinal),
    /** Espera que um membro responda e conheça um líder. */
    pronto: (n: number) =>
      ate(async () => {
        const { leader = "0" } = await estado(n) ?? {};
        return leader !== "0";
      }, `o membro ${n} do etcd ter um líder`),
    /** O número do líder; `undefined`, não se sabe. */
    async lider(): Promise<number | undefined> {
      for (const n of [0, 1, 2]) {
        const dito = await estado(n);
        if (dito?.leader === dito?.header.member_id && dito) return n;
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([0, 1, 2].map(matar));
      await Deno.remove(pasta, { recursive: true });
    },
  };
  await Promise.all([0, 1, 2].map(etcd.pronto));
  return etcd;
}

/** O que {@linkcode abrirEtcd} devolve. */
export type EtcdDeTeste = Awaited<ReturnType<typeof abrirEtcd>>;

/** Uma ponte ao lado de cada membro, com as mesmas opções. */
export async function abrirPontes(etcd: Pick<EtcdDeTeste, "urls">, ...opcoes: string[]) {
  const portas = portasLivres(3);
  const enderecos = portas.map((porta) => `127.0.0.1:${porta}`);
  const programas: (Programa | undefined)[] = [];
  const comecar = (n: number) => {
    const args = ["--ip=127.0.0.1", `--porta=${portas[n]}`, `--etcd=${etcd.urls[n]}`, ...opcoes];
    programas[n] = new Programa("ponte/ponte", args);
  };
  [0, 1, 2].forEach(comecar);
  const pontes = {
    enderecos,
    comecar,
    programa: (n: number) => programas[n]!,
    async matar(n: number): Promise<void> {
      await programas[n]?.matar();
      programas[n] = undefined;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([0, 1, 2].map(pontes.matar));
    },
  };
  await Promise.all(enderecos.map(atendendo));
  return pontes;
}

/** O que {@linkcode abrirPontes} devolve. */
export type Pontes = Awaited<ReturnType<typeof abrirPontes>>;
