import { assert, assertEquals, assertMatch } from "@std/assert";
import type { EstadoDoServidor } from "../mensagem.ts";
import { argumentosDoServidor, ate, atendendo, Fio, portasLivres, Programa } from "./apoio.ts";

/** O que a porta de um servidor para quem opera responde. */
function saudeDe(porta: number) {
  const pedir = async (caminho: string) => {
    const resposta = await fetch(`http://127.0.0.1:${porta}${caminho}`);
    return { status: resposta.status, texto: await resposta.text() };
  };
  const pronto = async (): Promise<EstadoDoServidor & { status: number }> => {
    const { status, texto } = await pedir("/readyz");
    return { status, ...JSON.parse(texto) };
  };
  return {
    pedir,
    pronto,
    /** O valor de uma métrica, escrita com os seus rótulos. */
    async metrica(nome: string): Promise<number | undefined> {
      const { texto } = await pedir("/metrics");
      const linha = texto.split("\n").find((linha) => linha.startsWith(`${nome} `));
      return linha === undefined ? undefined : Number(linha.slice(nome.length));
    },
    quando: (serve: (estado: EstadoDoServidor & { status: number }) => boolean, oQue: string) =>
      ate(async () => {
        const estado = await pronto().catch(() => undefined);
        return estado && serve(estado) ? estado : undefined;
      }, oQue),
  };
}

/** Três servidores com `--saude`, o primeiro o líder. */
function grupo(doLider: readonly string[] = [], dosOutros: readonly string[] = []) {
  const [a, b, c, ...saudes] = portasLivres(6) as [number, number, number, ...number[]];
  const portas = [a, b, c];
  const comecar = (n: number) =>
    new Programa("servidor", [
      ...argumentosDoServidor(portas[n]!, a, n === 0 ? [...doLider] : [...dosOutros]),
      `--saude=${saudes[n]}`,
    ]);
  return {
    comecar,
    nomes: portas.map((porta) => `127.0.0.1:${porta}`),
    saudes: saudes.map(saudeDe),
  };
}

Deno.test("/readyz diz quem é cada um, quem está em dia, quem falta desde quando, e até onde se confirmou", async () => {
  const { comecar, nomes, saudes } = grupo();
  const [lider, um] = saudes as [ReturnType<typeof saudeDe>, ReturnType<typeof saudeDe>];
  let zero = comecar(0);
  // Sozinho, o líder ainda não sabe qual é a tabela do grupo: não é de lhe mandar pedidos.
  const so = await lider.quando(({ papel }) => papel !== "", "o líder começar");
  assertEquals([so.status, so.pronto, so.aceitaPuts, so.porVir], [503, false, false, 2]);
  assertEquals(so.motivo, "0 de 2 outros servidores presentes");
  await using _b = comecar(1);
  let c = comecar(2);
  try {
    await lider.quando(({ aceitaPuts }) => aceitaPuts, "o grupo completar-se");
    await using fio = await Fio.abrir(nomes[1]!);
    assertEquals((await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "v" })).tipo, "PUT_OK");

    const { desde: _, ...resto } = { ...await lider.pronto(), desde: 0 };
    const { epoca, versao } = resto;
    const comum = { faltam: [], entrando: [], porVir: 0, timestamp: 1, keys: 1, epoca, versao };
    const esperado = { status: 200, pronto: true, aceitaPuts: true, motivo: "", ...comum };
    assertMatch(epoca, /^[0-9a-f]{8}$/);
    assertEquals({ ...resto, emDia: resto.emDia.toSorted() }, {
      ...esperado,
      papel: "lider",
      servidor: nomes[0]!,
      lider: nomes[0]!,
      replicas: 2,
      emDia: nomes.slice(1).toSorted(),
      confirmado: 1,
    });
    assertEquals(await um.pronto(), {
      ...esperado,
      papel: "seguidor",
      servidor: nomes[1]!,
      lider: nomes[0]!,
      replicas: 0,
      emDia: [nomes[0]!],
      confirmado: 1,
    });

    // Sem um seguidor: os GETs podem vir, os PUTs não.
    await c.matar();
    const sem = await lider.quando(({ faltam }) => faltam.length > 0, "o líder notar");
    assertEquals([sem.status, sem.pronto, sem.aceitaPuts], [200, true, false]);
    assertEquals(sem.motivo, "1 de 2 outros servidores em dia");
    assertEquals(sem.faltam[0]!.servidor, nomes[2]!);
    assert(Math.abs(Date.parse(sem.faltam[0]!.desde) - Date.now()) < 60_000);
    c = comecar(2);
    await lider.quando(({ aceitaPuts }) => aceitaPuts, "o grupo completar-se de novo");

    // Sem o líder, um seguidor que já esteve em dia continua a servir GETs.
    await zero.matar();
    const orfao = await um.quando(({ aceitaPuts }) => !aceitaPuts, "o seguidor notar");
    assertEquals([orfao.status, orfao.motivo], [200, "sem ligação com o líder"]);
    assertEquals(orfao.faltam[0]!.servidor, nomes[0]!);
    zero = comecar(0);
    const voltou = await lider.quando(({ aceitaPuts }) => aceitaPuts, "o líder voltar");
    assertEquals([voltou.keys, voltou.confirmado], [1, voltou.timestamp]);
    assert(voltou.epoca !== epoca);
  } finally {
    await c.matar();
    await zero.matar();
  }
});

Deno.test("um seguidor que nunca esteve em dia não está pronto; /livez responde sempre", async () => {
  const { comecar, saudes: [, um] } = grupo();
  await using _b = comecar(1);
  const estado = await um!.quando(({ papel }) => papel !== "", "o seguidor começar");
  assertEquals([estado.status, estado.pronto, estado.aceitaPuts], [503, false, false]);
  assertEquals(await um!.pedir("/livez"), { status: 200, texto: "vivo\n" });
});

Deno.test("/metrics conta o que os clientes viram", async () => {
  const dados = await Deno.makeTempDir({ prefix: "kv-saude-" });
  const { comecar, nomes, saudes } = grupo([`--dados=${dados}/0`, "--silencioso"], [
    "--silencioso",
  ]);
  const [lider, um] = saudes as [ReturnType<typeof saudeDe>, ReturnType<typeof saudeDe>];
  try {
    await using _a = comecar(0);
    await using _b = comecar(1);
    await using c = comecar(2);
    await lider.quando(({ aceitaPuts }) => aceitaPuts, "o grupo completar-se");
    await using noLider = await Fio.abrir(nomes[0]!);
    await using noUm = await Fio.abrir(nomes[1]!);
    for (let id = 0; id < 20; id++) {
      const fio = id % 4 === 0 ? noUm : noLider;
      await fio.pedir({ tipo: "PUT", id, key: `k${id % 5}`, value: "é".repeat(100) });
    }
    for (const timestamp of [0, 0, 99]) {
      await noUm.pedir({ tipo: "GET", id: 1, key: "k1", timestamp });
    }
    await noUm.pedir({ tipo: "GET", id: 1, key: "nada" });
    await noUm.enviar("isto não é JSON\n");
    await noUm.receber();
    const valores = async (de: typeof lider, ...nomes: string[]) =>
      await Promise.all(nomes.map(de.metrica));
    const respostas = (type: string, outcome: string) =>
      `kv_responses_total{type="${type}",outcome="${outcome}"}`;
    assertEquals(
      await valores(
        lider,
        respostas("PUT", "PUT_OK"),
        respostas("FORWARD", "PUT_OK"),
        'kv_request_duration_seconds_count{type="PUT"}',
        "kv_timestamp",
        "kv_confirmed_timestamp",
        "kv_keys",
        "kv_disk_rows_total",
        "kv_puts_in_flight",
        `kv_follower_lag_timestamps{follower="${nomes[1]}"}`,
        `kv_follower_in_sync{follower="${nomes[2]}"}`,
      ),
      [15, 5, 15, 20, 20, 5, 20, 0, 0, 1],
    );
    assertEquals(
      await valores(
        um,
        respostas("PUT", "PUT_OK"),
        respostas("GET", "GET_OK"),
        respostas("GET", "NULL"),
        respostas("GET", "TRY_OTHER_SERVER_OR_LATER"),
        respostas("invalido", "ERRO_definitivo"),
        'kv_request_duration_seconds_count{type="GET"}',
        "kv_leader",
      ),
      [5, 2, 1, 1, 1, 4, 0],
    );
    const lidos = await lider.metrica("kv_received_bytes_total");
    assert(lidos! > 15 * 200, String(lidos));
    // O que falta a quem se perdeu conta-se desde que se perdeu.
    await c.matar();
    await lider.quando(({ faltam }) => faltam.length > 0, "o líder notar");
    const id = 77;
    await noLider.enviar({ tipo: "PUT", id, key: "espera", value: "" });
    await ate(async () => await lider.metrica("kv_puts_waiting") === 1, "o PUT esperar");
    assertEquals(await lider.metrica(`kv_follower_in_sync{follower="${nomes[2]}"}`), 0);
    const falta = () => lider.metrica(`kv_follower_lag_seconds{follower="${nomes[2]}"}`);
    const antes = await falta();
    await ate(async () => (await falta())! > antes!, "o tempo que falta crescer");
  } finally {
    await Deno.remove(dados, { recursive: true });
  }
});

Deno.test("--saude numa porta ocupada: uma linha clara, saída 1, e nada fica a atender", async () => {
  using ouvinte = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = ouvinte.addr;
  const [porta] = portasLivres(1);
  const args = argumentosDoServidor(porta!, porta!, ["--replicas=0", `--saude=${port}`]);
  await using servidor = new Programa("servidor", args);
  assertEquals(await servidor.codigo(), 1);
  assertMatch(
    servidor.erros,
    new RegExp(`^ERRO: Não é possível atender em 127.0.0.1:${port}: .*\n$`),
  );
});

Deno.test("cada aviso de um servidor sem terminal começa com a data e a hora; as linhas dos pedidos, não", async () => {
  const [porta] = portasLivres(1);
  await using servidor = new Programa(
    "servidor",
    argumentosDoServidor(porta!, porta!, ["--replicas=0"]),
  );
  await atendendo(`127.0.0.1:${porta}`);
  await using fio = await Fio.abrir(`127.0.0.1:${porta}`);
  await fio.pedir({ tipo: "PUT", id: 1, key: "k", value: "v" });
  await servidor.linha(/^Enviando PUT_OK/);
  const hora = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) Pronto: /;
  const [, quando] = hora.exec(servidor.erros)!;
  assert(Math.abs(Date.parse(quando!) - Date.now()) < 60_000);
  assert(servidor.saida.trimEnd().split("\n").every((linha) => /^(Cliente|Enviando) /.test(linha)));
});
