import { assertEquals } from "@std/assert";
import { Servidor } from "../servidor.ts";
import { Fio, portasLivres } from "./apoio.ts";

// O que já deu errado, achado pelo modelo: quem recebe uma cópia recebe a última versão de cada key,
// por ordem de timestamp. A meio tem um timestamp, e falta-lhe o que, antes dele, já tinha uma versão
// mais nova por vir; se o líder então se perdia, passava por ter tudo.

const HISTORIA = [{ id: "", apos: 0 }, { id: "e1", apos: 0 }];
const registro = (tipo: string, key: string, timestamp: number) => ({
  tipo,
  key,
  value: `${key}@${timestamp}`,
  timestamp,
});

/** Um líder de mentira, que fala o protocolo à mão. */
function liderDeMentira(porta: number) {
  const ouvinte = Deno.listen({ hostname: "127.0.0.1", port: porta });
  const sync = (timestamp: number) => ({ tipo: "SYNC", id: 2, timestamp, reserva: 1_000_000 });
  return {
    fechar: () => ouvinte.close(),
    /** Recebe um seguidor e começa a pô-lo em dia. */
    async receber() {
      const join = await Fio.aceitar(ouvinte);
      const { id, endereco, token } = await join.receber();
      const fio = await Fio.abrir(endereco);
      const { timestamp } = await fio.pedir({ tipo: "LEADER", id: 1, token });
      await fio.pedir({ ...sync(timestamp), historia: HISTORIA });
      return {
        fio,
        timestamp,
        async emDia(ate = timestamp) {
          await fio.pedir(sync(ate));
          await join.enviar({ tipo: "JOIN_OK", id });
        },
        async cortar() {
          await fio[Symbol.asyncDispose]();
          await join[Symbol.asyncDispose]();
        },
      };
    },
  };
}

/** O líder recomeça vazio com C e D; no fim, os três têm `a` e `b` como C os tinha. */
async function conferir(porta: number, seguidores: readonly Servidor[]) {
  const lider = await Servidor.iniciar({ porta, replicas: 2, prazo: 15_000 });
  try {
    await using fio = await Fio.abrir(lider.endereco);
    assertEquals((await fio.pedir({ tipo: "PUT", id: 1, key: "z", value: "z" })).tipo, "PUT_OK");
    for (const { endereco } of [lider, ...seguidores]) {
      await using leitor = await Fio.abrir(endereco);
      const ler = async (key: string) => (await leitor.pedir({ tipo: "GET", id: 1, key })).value;
      assertEquals([await ler("a"), await ler("b")], ["a@1", "b@2"], endereco);
    }
  } finally {
    await Promise.all([lider, ...seguidores].map((servidor) => servidor.parar()));
  }
}

Deno.test("uma cópia a meio, e o líder perdido: o que o outro tinha não se perde, e ficam iguais", async () => {
  for (const caso of ["D volta vazio", "só a conexão de D se rompeu"]) {
    const [porta] = portasLivres(1) as [number];
    const opcoes = { porta: 0, lider: `127.0.0.1:${porta}` };
    const lider = liderDeMentira(porta);
    const C = await Servidor.iniciar(opcoes);
    const c = await lider.receber();
    await c.emDia();
    let D = await Servidor.iniciar(opcoes);
    let d = await lider.receber();
    await d.emDia();
    // a@1 e b@2 chegam a C; a@3, em curso, só o líder o tem.
    await c.fio.enviar(registro("REPLICATION", "a", 1), registro("REPLICATION", "b", 2));
    await c.fio.receber();
    await d.cortar();
    if (caso === "D volta vazio") {
      await D.parar();
      D = await Servidor.iniciar(opcoes);
    }
    d = await lider.receber();
    // A tabela do líder é { b@2, a@3 }: D recebe a primeira, e o líder perde-se.
    await d.fio.enviar(registro("ENTRY", "b", 2));
    await d.fio.receber();
    await c.cortar();
    await d.cortar();
    lider.fechar();
    await conferir(porta, [C, D]);
  }
});

Deno.test("um seguidor recomeçado com a sua pasta diz o timestamp que já tinha, e nem mais nem menos", async () => {
  const [porta] = portasLivres(1) as [number];
  const dados = await Deno.makeTempDir({ prefix: "kv-nota-" });
  const lider = liderDeMentira(porta);
  const comecar = (atraso: number) =>
    Servidor.iniciar({ porta: 0, lider: `127.0.0.1:${porta}`, dados, atraso });
  try {
    // Em dia até um timestamp que não é o de nenhum registro: o de um líder que recomeçou.
    let seguidor = await comecar(60_000);
    let sessao = await lider.receber();
    await sessao.emDia(500);
    // Recebida e ainda por aplicar, não é sua: o SYNC que vem atrás dela não diz o contrário.
    await sessao.fio.enviar(registro("REPLICATION", "a", 501));
    await sessao.fio.pedir({ tipo: "SYNC", id: 3, timestamp: 501, reserva: 2_000_000 });
    await seguidor.parar();
    await sessao.cortar();
    seguidor = await comecar(0);
    sessao = await lider.receber();
    assertEquals(sessao.timestamp, 500);
    await sessao.cortar();
    await seguidor.parar();
  } finally {
    lider.fechar();
    await Deno.remove(dados, { recursive: true });
  }
});
